"""Masks that depend on what was selected: see mask-python.ts."""


def head_mask(xp, selected, bits, case, b, h):
    """Truths [queries, keys] of one head; `xp` is torch or numpy, bits are the packed words of each selection."""
    first = case["keys"] - case["queries"] if selected["self"] else 0
    like = next(iter(bits.values()))
    place = {"device": like.device} if hasattr(like, "device") and xp.__name__ == "torch" else {}
    q = xp.arange(first, first + case["queries"], **place)[:, None]
    k = xp.arange(case["keys"], **place)[None, :]
    array = lambda x: xp.asarray(x, **place)

    def bit(name, row, column):
        words, columns = bits[name], selected["columns"][name]
        rows, heads = words.shape[2], words.shape[1]
        row, column = array(row), array(column)
        there = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        row, column = xp.clip(row, 0, rows - 1), xp.clip(column, 0, columns - 1)
        return there & ((words[b, h * heads // case["heads"]][row, column // 32] >> (column % 32)) & 1 == 1)

    names = {
        "q": q,
        "k": k,
        "h": h,
        "kvh": h * case["kvHeads"] // case["heads"],
        "scalars": selected["scalars"][h],
        "bit": bit,
        "where": lambda condition, a, b: xp.where(array(condition), array(a), array(b)),
        "lesser": lambda a, b: xp.minimum(array(a), array(b)),
        "greater": lambda a, b: xp.maximum(array(a), array(b)),
        "negated": lambda a: xp.logical_not(array(a)),
        "is_power": lambda a: (a > 0) & ((a & (a - 1)) == 0),
    }
    mask = eval(selected["mask"], {"__builtins__": {"abs": abs}}, names)
    return array(mask) & (q >= 0) & (k >= 0)
