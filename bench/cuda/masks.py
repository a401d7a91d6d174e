"""Masks and inputs of the timed rows, by their descriptions in settings.ts: what FlexAttention gets, written by hand.

Each is held to the rows that the oracle wrote before anything is timed with it.
"""

import torch


def all_pairs(made, device):
    return lambda b, h, q, k: q >= 0


def causal(made, device):
    return lambda b, h, q, k: k <= q


def window(made, device):
    width = made["window"]
    return lambda b, h, q, k: (k <= q) & (q - k < width)


def a_shape(made, device):
    sink, width = made["sink"], made["window"]
    return lambda b, h, q, k: (k <= q) & ((k < sink) | (q - k < width))


def strided_shard(made, device):
    block, local, stride, shift = (made[name] for name in ("block", "local", "stride", "shift"))

    # As many kv heads as heads.
    def seen(b, h, q, k):
        column = k // block
        return (k <= q) & ((q // block - column < local) | ((column + h * shift) % stride == 0))

    return seen


def prefix(made, device):
    length = made["prefix"]
    return lambda b, h, q, k: (k < length) | (k <= q)


def power(made, device):
    block, near, sink = made["block"], made["window"], made["sink"]

    def seen(b, h, q, k):
        column = k // block
        distance = q // block - column
        return (k <= q) & ((distance < near) | (column < sink) | ((distance > 0) & ((distance & (distance - 1)) == 0)))

    return seen


def ids(made, device):
    lengths = torch.tensor(made["lengths"], device=device)
    return torch.repeat_interleave(torch.arange(len(lengths), device=device, dtype=torch.int32), lengths)


def documents(made, device):
    doc = ids(made, device)
    return lambda b, h, q, k: (k <= q) & (doc[q] == doc[k])


def blocks(made, heads, length, device):
    """[heads, rows, columns]: the twin of settings.ts. 32-bit arithmetic in 64 bits."""
    count = length // made["block"]
    low = 0xFFFFFFFF

    def number(n, by, view):
        return ((torch.arange(n, device=device, dtype=torch.int64) * by) & low).view(view)

    head = (((torch.arange(heads, device=device, dtype=torch.int64) + made["seed"]) * 73856093) & low).view(-1, 1, 1)
    found = []
    # A head at a time: 64 bits for each block of a long sequence are many.
    for h in range(heads):
        x = head[h] ^ number(count, 19349663, (-1, 1)) ^ number(count, 83492791, (1, -1))
        x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & low
        x = ((x ^ (x >> 12)) * 0x297A2D39) & low
        x = x ^ (x >> 15)
        row, column = torch.arange(count, device=device).view(-1, 1), torch.arange(count, device=device).view(1, -1)
        found.append(((x < made["share"] * 2**32) | (row == column) | (column == 0)) & (column <= row))
    return torch.stack(found)


def random_blocks(made, device, heads, length):
    table, size = blocks(made, heads, length, device), made["block"]
    return lambda b, h, q, k: (k <= q) & table[h, q // size, k // size]


def near(i, j, length, width, stride):
    """Neighborhood attention on one axis: the queries of a stride share the window of their leader; at the borders it moves inside."""
    left, right = width // 2, width // 2 + width % 2 - 1
    leader = torch.clamp((i // stride) * stride + stride // 2, max=length - 1)
    start = torch.clamp(leader - left, min=0) + torch.clamp(length - right - leader - 1, max=0)
    return (j >= start) & (j < start + width)


def near_2d(made, device):
    height, width, size, stride = (made[name] for name in ("height", "width", "window", "stride"))
    return lambda b, h, q, k: near(q // width, k // width, height, size, stride) & near(q % width, k % width, width, size, stride)


def near_3d(made, device):
    frames, height, width = made["frames"], made["height"], made["width"]

    def seen(b, h, q, k):
        t = near(q // (height * width), k // (height * width), frames, made["window_t"], made["stride_t"])
        y = near(q // width % height, k // width % height, height, made["window_y"], made["stride_y"])
        return t & y & near(q % width, k % width, width, made["window_x"], made["stride_x"])

    return seen


KINDS = {
    **{"all": all_pairs, "causal": causal, "window": window, "a_shape": a_shape, "strided_shard": strided_shard, "prefix": prefix},
    **{"power": power, "documents": documents, "near_2d": near_2d, "near_3d": near_3d},
}

# Masks that differ from head to head: FlexAttention keeps a table for each.
BY_HEAD = {"strided_shard", "random_blocks"}


def mask_of(row, device):
    made = row["mask"]
    if made["kind"] == "random_blocks":
        return random_blocks(made, device, row["heads"], row["length"])
    return KINDS[made["kind"]](made, device)


def inputs_of(row, module, device):
    """The tensors that the generated operator takes after q, k and v."""
    return [
        ids(made, device)[None] if made["kind"] == "documents" else module.pack_bits(blocks(made, row["heads"], row["length"], device))[None]
        for made in row["inputs"].values()
    ]


def wrong_row(row, mask, device):
    """The first of the oracle's rows in which a mask written here differs, as text, or None."""
    keys = torch.arange(row["length"], device=device)
    for each in row["sampled"]:
        head, query = (torch.tensor(each[name], device=device) for name in ("head", "query"))
        truth = torch.zeros(row["length"], dtype=torch.bool, device=device)
        for first, end in each["runs"]:
            truth[first:end] = True
        if not torch.equal(mask(0, head, query, keys) & (keys >= 0), truth):
            return f"the mask written by hand differs from the oracle's at head {each['head']}, query {each['query']}"
    return None
