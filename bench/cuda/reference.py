"""Dense attention in float64 with a tolerance for every element: the port of runtime/reference and runtime/verify/tolerance.ts.

Written for PyTorch and for NumPy alike (`xp`), so that a machine without a GPU can hold it to the original. Arrays:
q [..., queries, dim], k [..., keys, dim], v [..., keys, value_dim], mask [..., queries, keys] of truths.

The tolerance of an element is 2 * (e + r) + w + s:
- e: the greatest error, over all elements of the case, of plain float32 computations of the same thing that
  differ in the order of their sums (ORDERS);
- r: what single roundings do to this element, to first order (see `dense`);
- w: what rounding each weight to 16 bits may do, where the kernel multiplies tensors of 16 bits;
- s: half a step of the output's type at that number.
"""

import math

UNIT = 2.0**-24

# Significant bits and the exponent of the least normal number.
FORMATS = {"f16": (11, -14), "bf16": (8, -126)}

# (keys folded into the running maximum and sums at a time, partial sums of a dot product, from the last key to the first)
ORDERS = [(32, 1, False), (64, 4, False), (16, 1, True)]


def rounding_of(dtype):
    """What rounding a float32 number to a type may do: at most `relative` of it, or `absolute` where that is more."""
    if dtype not in FORMATS:
        return 0.0, 0.0
    bits, least = FORMATS[dtype]
    return 2.0**-bits, 2.0 ** (least - bits)


def dense(xp, q, k, v, mask, scale, weights):
    """The output and lse in float64, what single roundings in float32 do to each, and what rounding the weights to the
    type `weights` may do. A row without keys has out 0 and lse -inf.

    With u = 2^-24, p_j the weights, x_j = (s_j - m) / ln 2 and a_j = scale * sum_d |q_d k_jd|: a score that is wrong by
    one rounding of its terms moves the output by 2 u max(a) sum_j p_j |v_j| and the lse by u max(a); exp2 may be wrong
    by 3 + 2 |x_j| units in the last place, 2u each; the result is rounded once."""
    q, k, v = (xp.asarray(each, dtype=xp.float64) for each in (q, k, v))
    zero = xp.zeros_like(q[..., :1, :1])
    # Keys that no row sees may be poisoned: they take no part at all.
    seen = (xp.sum(xp.asarray(mask, dtype=xp.float64), -2) > 0)[..., :, None]
    k, v = xp.where(seen, k, zero), xp.where(seen, v, zero)
    turned = xp.swapaxes(k, -1, -2)
    scores = xp.matmul(q, turned) * scale
    terms = xp.matmul(xp.abs(q), xp.abs(turned)) * abs(scale)
    scores = xp.where(mask, scores, zero - math.inf)
    terms = xp.amax(xp.where(mask, terms, zero), -1)[..., None]
    most = xp.amax(scores, -1)[..., None]
    most = xp.where(most == -math.inf, zero, most)
    exponents = xp.where(mask, scores - most, zero)
    powers = xp.where(mask, xp.exp(exponents), zero)
    total = xp.sum(powers, -1)[..., None]
    empty = total == 0
    divisor = xp.where(empty, zero + 1, total)
    p = powers / divisor
    wrong = (3 - 2 * exponents / math.log(2)) * 2 * UNIT
    magnitudes = xp.abs(v)
    out = xp.matmul(p, v)
    out_rounding = xp.matmul(p * (wrong + 2 * UNIT * terms), magnitudes) + UNIT * xp.abs(out)
    relative, absolute = rounding_of(weights)
    floor = xp.where(mask, absolute / divisor + zero, zero)
    narrowing = xp.matmul(xp.where(relative * p > floor, relative * p, floor), magnitudes)
    lse = xp.where(empty, zero - math.inf, most + xp.log(divisor))[..., 0]
    lse_rounding = UNIT * (xp.abs(xp.where(empty, zero, most + xp.log(divisor))) + terms)[..., 0] + xp.sum(p * wrong, -1)
    lse_rounding = xp.where(empty[..., 0], zero[..., 0], lse_rounding)
    return {"out": out, "lse": lse, "out_rounding": out_rounding, "narrowing": narrowing, "lse_rounding": lse_rounding}


def plain32(xp, q, k, v, mask, scale, order):
    """The same as a straightforward float32 kernel computes it, every operation rounded: the scale and log2 e folded
    into q, tiles of keys, a running maximum and sum in base 2, one division at the end. Tiles here are of all keys, and
    those that a row does not see add exact zeros."""
    tile, lanes, backwards = order
    f32 = xp.float32
    q, k, v = (xp.asarray(each, dtype=f32) for each in (q, k, v))
    one = xp.ones_like(q[..., :1, :1])
    zero = one - one
    seen = (xp.sum(xp.asarray(mask, dtype=f32), -2) > 0)[..., :, None]
    k, v = xp.where(seen, k, zero), xp.where(seen, v, zero)
    factor = (one * scale) * (one * math.log2(math.e))
    q = q * factor
    scores = None
    for lane in range(lanes):
        part = None
        for d in range(lane, q.shape[-1], lanes):
            product = q[..., :, d : d + 1] * xp.swapaxes(k[..., :, d : d + 1], -1, -2)
            part = product if part is None else part + product
        scores = part if scores is None else scores + part
    scores = xp.where(mask, scores, zero - math.inf)
    keys = scores.shape[-1]
    starts = range(0, keys, tile)
    most = xp.zeros_like(scores[..., :1]) - math.inf
    total = xp.zeros_like(scores[..., :1])
    sums = total * v[..., :1, :]
    for start in reversed(starts) if backwards else starts:
        end = min(start + tile, keys)
        before = most
        highest = xp.amax(scores[..., start:end], -1)[..., None]
        most = xp.where(highest > before, highest, before)
        # No key so far: nothing to shrink.
        shift = xp.where(most == -math.inf, zero, most)
        shrink = xp.exp2(xp.where(before == -math.inf, zero, before - shift))
        total, sums = total * shrink, sums * shrink
        columns = range(end - 1, start - 1, -1) if backwards else range(start, end)
        for j in columns:
            weight = xp.exp2(scores[..., j : j + 1] - shift)
            total = total + weight
            sums = sums + weight * v[..., j : j + 1, :]
    empty = total == 0
    divisor = xp.where(empty, one, total)
    out = sums / divisor
    lse = xp.where(empty, zero - math.inf, (most + xp.log2(divisor)) * (one * math.log(2)))[..., 0]
    return out, lse


def greatest_difference(xp, a, b):
    """Over the elements that are finite on both sides: empty rows have an lse of -inf."""
    difference = xp.abs(xp.asarray(a, dtype=xp.float64) - b)
    finite = xp.isfinite(difference)
    return float(xp.amax(xp.where(finite, difference, xp.zeros_like(difference))))


def expected_within(xp, q, k, v, mask, scale, dtype, weights, measured=None):
    """The truth and the tolerance of each element. `measured`: errors that an earlier call found on the same data."""
    truth = dense(xp, q, k, v, mask, scale, weights)
    if measured is None:
        measured = [0.0, 0.0]
        for order in ORDERS:
            out, lse = plain32(xp, q, k, v, mask, scale, order)
            measured[0] = max(measured[0], greatest_difference(xp, out, truth["out"]))
            measured[1] = max(measured[1], greatest_difference(xp, lse, truth["lse"]))
    relative, absolute = rounding_of(dtype)
    step = xp.abs(truth["out"]) * relative
    step = xp.where(step > absolute, step, xp.zeros_like(step) + absolute)
    truth["out_tolerance"] = 2 * (measured[0] + truth["out_rounding"]) + truth["narrowing"] + step
    truth["lse_tolerance"] = 2 * (measured[1] + truth["lse_rounding"])
    truth["measured"] = measured
    return truth
