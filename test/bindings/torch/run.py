"""Runs generated operators on the emulated device through the stand-in for PyTorch, and compares with dense attention."""
import math
import sys

import numpy
import torch

sys.path.insert(0, sys.argv[1])
import masks_chosen
import masks_curved
import masks_documents
import masks_heads
import masks_inputs
import masks_mixed
import masks_window

random = numpy.random.default_rng(1)


def tensors(batch, heads, kv_heads, queries, keys, dim, kind=numpy.float32):
    shapes = [(batch, heads, queries, dim), (batch, kv_heads, keys, dim), (batch, kv_heads, keys, dim)]
    return [random.uniform(-1, 1, shape).astype(kind) for shape in shapes]


def dense(q, k, v, sees, scale=None):
    """Dense attention in float64; sees(b, h, q, k) of positions."""
    batch, heads, queries, dim = q.shape
    kv_heads, keys = k.shape[1:3]
    out, lse = numpy.zeros((batch, heads, queries, v.shape[3])), numpy.full((batch, heads, queries), -math.inf)
    for b, h, i in numpy.ndindex(batch, heads, queries):
        at = h // (heads // kv_heads)
        seen = [j for j in range(keys) if sees(b, h, keys - queries + i, j)]
        if not seen:
            continue
        scores = k[b, at, seen].astype(float) @ q[b, h, i].astype(float) * (1 / math.sqrt(dim) if scale is None else scale)
        weights = numpy.exp(scores - scores.max())
        out[b, h, i] = weights @ v[b, at, seen].astype(float) / weights.sum()
        lse[b, h, i] = scores.max() + math.log(weights.sum())
    return out, lse


def close(found, expected, what, bound=4e-6):
    difference = numpy.abs(numpy.where(found.numpy() == expected, 0, found.numpy() - expected)).max()
    assert difference < bound, (what, difference)
    print("close:", what)


def on_device(*arrays):
    return [torch.from_numpy(numpy.asarray(array)) for array in arrays]


def refused(what, words, call):
    try:
        call()
    except (ValueError, TypeError, RuntimeError) as error:
        assert str(error) == words, f"{what}\n  expected {words}\n  found    {error}"
        print("refused:", what)
    else:
        raise AssertionError(f"{what} went through")


# A window that is a parameter; grouped heads; fewer queries than keys; a scale, 0 among them.
window = masks_window.window
arrays = tensors(2, 4, 2, 20, 45, 16)
given = on_device(*arrays)
close(window(*given), dense(*arrays, lambda b, h, q, k: k <= q < k + 24)[0], "the default window")
for scale in (0.0, 0.5):
    out, lse = window(*given, width=7, scale=scale, return_lse=True)
    expected = dense(*arrays, lambda b, h, q, k: k <= q < k + 7, scale)
    close(out, expected[0], f"a window of 7, scale {scale}")
    close(lse, expected[1], f"its lse, scale {scale}")

# Ids for each batch entry and for all.
arrays = tensors(2, 2, 1, 40, 40, 16)
for ids in (numpy.arange(40) // 9, numpy.stack([numpy.arange(40) // 9, numpy.arange(40) // 16])):
    ids = ids.astype(numpy.int32)
    each = numpy.broadcast_to(ids, (2, 40))
    expected = dense(*arrays, lambda b, h, q, k: k <= q and each[b][q] == each[b][k])[0]
    close(masks_documents.documents(*on_device(*arrays, ids)), expected, f"documents {list(ids.shape)}")

# What the host computes for each head.
arrays = tensors(1, 4, 4, 33, 33, 16)
for layer in (0, 1):
    expected = dense(*arrays, lambda b, h, q, k: k <= q < k + [[3, 5, 7, 40], [1, 2, 30, 4]][layer][h])[0]
    close(masks_heads.heads(*on_device(*arrays), layer=layer), expected, f"heads by a table, layer {layer}")

# Blocks, lists, lists by offsets, and phases; parameters and inputs whose names are Python's.
arrays = tensors(1, 2, 2, 50, 50, 16)
blocks = random.uniform(0, 1, (2, 4, 4)) < 0.4
words = numpy.zeros((1, 2, 4, 1), numpy.int32)
for h, i, j in zip(*numpy.nonzero(blocks)):
    words[0, h, i, 0] |= 1 << j
columns = numpy.array([4, 17, -2147483648], numpy.int32)
lists = [[0], [0, 1], [], [3], [2, 4], [5], [6, 1]]
offsets = numpy.cumsum([0, *map(len, lists)]).astype(numpy.int32)
indices = numpy.concatenate(lists).astype(numpy.int32)
for phase in ("prefill", "decode"):
    def sees(b, h, q, k):
        parts = q - k < 3 or k in columns or blocks[h, q // 16, k // 16] or k // 8 in lists[q // 8] or phase == "decode"
        return k <= q and parts

    inputs = on_device(columns, words, offsets, indices)
    close(masks_inputs.inputs(*on_device(*arrays), *inputs, lambda_=3, phase=phase), dense(*arrays, sees)[0], f"inputs, {phase}")

# Along a curve, with tables that the launcher makes.
arrays = tensors(1, 2, 2, 45, 45, 16)
expected = dense(*arrays, lambda b, h, q, k: abs(q // 9 - k // 9) <= 1)[0]
close(masks_curved.curved(*on_device(*arrays)), expected, "a layout")

# Blocks by scores of the caller; what was chosen serves the next step, at which there are more keys.
def chosen_blocks(bits, n):
    """Whether a head's query block looks at a key block."""
    return lambda b, h, q, k: k <= q and bits.numpy()[b, h, q // 8 - n[0] // 8, k // 256] >> (k // 8 % 32) & 1


arrays = tensors(2, 4, 2, 20, 45, 16)
gate = random.uniform(-1, 1, (4, 3, 6)).astype(numpy.float32)[numpy.newaxis]
chosen = masks_chosen.chosen
out, selected = chosen(*on_device(*arrays, gate), step=0, return_selected=True)
bits = selected["b"]
assert bits.shape == (2, 4, 3, 1), bits.shape
for h, i in numpy.ndindex(4, 3):
    own = 3 + i
    best = max(range(own), key=lambda block: gate[0, h, i, block])
    assert bits.numpy()[1, h, i, 0] == 1 << own | 1 << best, (h, i)
close(out, dense(*arrays, chosen_blocks(bits, [25]))[0], "chosen blocks")
longer = tensors(2, 4, 2, 20, 50, 16)
wider = random.uniform(-1, 1, (4, 4, 7)).astype(numpy.float32)[numpy.newaxis]
refused("a selection of other rows", "chosen: reuse_b: axis 2 (rows): expected 4, found 3", lambda: chosen(*on_device(*longer, wider), step=1, reuse_b=bits, reuse_b_columns=6))
again, same = chosen(*on_device(*arrays, gate * -1), step=1, reuse_b=bits, return_selected=True)
assert (same["b"].numpy() == bits.numpy()).all()
close(again, dense(*arrays, chosen_blocks(bits, [25]))[0], "blocks of the step before")
refused("a selection where one is made", "chosen: reuse_b: expected NULL, as this launch makes the selection", lambda: chosen(*on_device(*arrays, gate), step=2, reuse_b=bits))
refused("scores of another type", "chosen: gate: dtype: expected torch.float32, found torch.int32", lambda: chosen(*on_device(*arrays, gate.astype(numpy.int32)), step=0))

# Branches, mixed by gates: means of windows, and what a selection chose.
arrays = tensors(2, 4, 2, 20, 45, 16)
pools = tensors(2, 4, 2, 20, 5, 16)[1:]
gates = random.uniform(-1, 1, (2, 4, 20, 2)).astype(numpy.float32)
mixed = masks_mixed.mixed
out, selected = mixed(*on_device(*arrays, gates, *pools), return_selected=True)
far = dense(arrays[0], *pools, lambda b, h, q, k: 8 * k + 7 <= q - 5 + 45)[0]
near = dense(*arrays, chosen_blocks(selected["b"], [25]))[0]
close(out, gates[..., :1] * far + gates[..., 1:] * near, "branches")
refused("gates", "mixed: g: axis 3 (gates): expected 2, found 3", lambda: mixed(*on_device(*arrays, random.uniform(-1, 1, (2, 4, 20, 3)).astype(numpy.float32), *pools)))
refused("windows", "mixed: ck: axis 2 (windows): expected 5, found 45", lambda: mixed(*on_device(*arrays, gates, arrays[1], pools[1])))

# What is refused, by the name of the tensor and its axis.
q, k, v = given
zeros = lambda *shape, kind=numpy.float32: torch.from_numpy(numpy.zeros(shape, kind))
refused("three axes", "window: q: expected 4 axes [batch, heads, queries, head_dim], found 3: [4, 20, 16]", lambda: window(zeros(4, 20, 16), k, v))
refused("a batch", "window: k: axis 0 (batch): expected 2, found 3", lambda: window(q, zeros(3, 2, 45, 16), v))
refused("a length", "window: v: axis 2 (keys): expected 45, found 44", lambda: window(q, k, zeros(2, 2, 44, 16)))
refused("heads", "window: k: axis 1 (kv_heads): expected a divisor of 4 heads, found 3", lambda: window(q, zeros(2, 3, 45, 16), zeros(2, 3, 45, 16)))
refused("queries", "window: q: axis 2 (queries): expected at most 45: the queries are the last of the keys, found 46", lambda: window(zeros(2, 4, 46, 16), k, v))
refused("a dim", "window: q: axis 3 (head_dim): expected 16 (see attnc build --dims), found 8", lambda: window(zeros(2, 4, 20, 8), zeros(2, 2, 45, 8), zeros(2, 2, 45, 8)))
refused("a value dim", "window: v: axis 3 (value_dim): expected 16, found 8", lambda: window(q, k, zeros(2, 2, 45, 8)))
refused("a dtype", "window: q: dtype: expected torch.float32, found torch.float16", lambda: window(zeros(2, 4, 20, 16, kind=numpy.float16), k, v))
refused("two dtypes", "window: k: dtype: expected torch.float32, found torch.float16", lambda: window(q, zeros(2, 2, 45, 16, kind=numpy.float16), v))
refused("strides", "window: q: stride of axis 2 (queries): expected 16, found 64: pass q.contiguous()", lambda: window(zeros(2, 20, 4, 16).transpose(1, 2), k, v))
refused("two devices", "window: k: device: expected cuda:0, found cpu", lambda: window(q, k.to("cpu"), v))
refused("no CUDA", "window: q: device: expected cuda, found cpu", lambda: window(*(each.to("cpu") for each in given)))
refused("a parameter", "window: width: expected a number within 16777216 of 0, found 16777217", lambda: window(*given, width=16777217))
refused("a scale", "window: scale: expected a finite number, or NaN, found inf", lambda: window(*given, scale=math.inf))
documents = masks_documents.documents
a, b, c = on_device(*tensors(2, 2, 1, 40, 40, 16))
refused("a type of ids", "documents: doc: dtype: expected torch.int32, found torch.int64", lambda: documents(a, b, c, zeros(40, kind=numpy.int64)))
refused("a length of ids", "documents: doc: axis 0 (tokens): expected 40, found 41", lambda: documents(a, b, c, zeros(41, kind=numpy.int32)))
refused("a batch of ids", "documents: doc: axis 0 (batch): expected 1 or 2, found 3", lambda: documents(a, b, c, zeros(3, 40, kind=numpy.int32)))
heads = masks_heads.heads
refused("a layer", "heads: layer: expected less than layers, found 2", lambda: heads(*on_device(*tensors(1, 4, 4, 3, 3, 16)), layer=2))
refused("heads of a table", "heads: kv_heads: expected 4, as in a table of the declaration, found 2", lambda: heads(*on_device(*tensors(1, 2, 2, 3, 3, 16)), layer=0))
