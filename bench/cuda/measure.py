"""Times contestants in turns on one device, by events."""

import statistics

import torch


class Contestant:
    """Something that computes attention on one of several sets of tensors, `call(i)`."""

    def __init__(self, name, call, sets, note=""):
        self.name, self.call, self.sets, self.note = name, call, sets, note
        self.times, self.failure, self.error = [], None, {}
        self.run, self.calls = None, 0


def _timed(work):
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def ready(contestant, least_ms=2.0, most_calls=64):
    """Warms up, and puts as many calls into one graph as take `least_ms`: what the host does between launches is not timed."""
    count = len(contestant.sets)
    for i in range(max(2, count)):
        contestant.call(i % count)
    torch.cuda.synchronize()
    once = _timed(lambda: contestant.call(0))
    calls = max(count, min(most_calls, int(least_ms / max(once, 1e-3)) + 1))
    calls = -(-calls // count) * count

    def work():
        for i in range(calls):
            contestant.call(i % count)

    try:
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            contestant.call(0)
        torch.cuda.current_stream().wait_stream(stream)
        with torch.cuda.graph(graph):
            work()
        contestant.run = graph.replay
    except Exception as error:  # noqa: BLE001: not everything can be captured
        torch.cuda.synchronize()
        contestant.run = work
        contestant.note = f"{contestant.note} launched one by one ({type(error).__name__})".strip()
    contestant.calls = calls
    _timed(contestant.run)


def race(contestants, rounds, seconds, clock):
    """Rounds A B C, A B C. Milliseconds a call go to `times`; one that fails drops out, with its reason."""

    def attempt(contestant, work):
        try:
            return work()
        except Exception as error:  # noqa: BLE001: a failure is a row and not the end
            contestant.failure = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            contestant.run = None
            return None

    for contestant in contestants:
        if contestant.failure is None:
            attempt(contestant, lambda one=contestant: ready(one))
    start = clock()
    for i in range(rounds):
        if i >= 3 and clock() - start > seconds:
            break
        for contestant in contestants:
            if contestant.run is not None:
                took = attempt(contestant, lambda one=contestant: _timed(one.run))
                if took is not None:
                    contestant.times.append(took / contestant.calls)
    for contestant in contestants:
        # Graphs hold memory of their own.
        contestant.run = None


def median(times):
    return statistics.median(times) if times else None


def quartiles(times):
    if len(times) < 2:
        return None, None
    low, _, high = statistics.quantiles(times, n=4, method="inclusive")
    return low, high


def ratio(of, to):
    """The median of the ratios within each round: a chip that is slow for a while slows both sides."""
    pairs = [a / b for a, b in zip(of.times, to.times)]
    return median(pairs)


def sets_for(row, dim, device, seed, dtype=torch.bfloat16):
    """q, k and v of a row, so often that all of them do not fit the second-level cache several times over."""
    generator = torch.Generator(device=device).manual_seed(seed)
    length, heads, kv_heads = row["length"], row["heads"], row["kvHeads"]
    one = 2 * dim * length * (heads + 2 * kv_heads)
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    count = max(1, min(8, -(-4 * cache // one)))

    def normal(n):
        return torch.randn((1, n, length, dim), generator=generator, device=device, dtype=dtype)

    return [(normal(heads), normal(kv_heads), normal(kv_heads)) for _ in range(count)]


def error_of(row, tensors, out):
    """How far some rows of an output are from attention in float64 under the oracle's mask."""
    q, k, v = tensors
    group = row["heads"] // row["kvHeads"]
    squared = length = most = 0.0
    for each in row["sampled"]:
        head, query, runs = each["head"], each["query"], each["runs"]
        got = out[0, head, query].double()
        want = torch.zeros_like(got)
        if runs:
            keys = torch.cat([torch.arange(first, end, device=q.device) for first, end in runs])
            scores = k[0, head // group, keys].double() @ q[0, head, query].double() / q.shape[-1] ** 0.5
            want = torch.softmax(scores, 0) @ v[0, head // group, keys].double()
        difference = (got - want).abs()
        difference[torch.isnan(difference)] = float("inf")
        most = max(most, float(difference.max()))
        squared += float((difference**2).sum())
        length += float((want**2).sum())
    return {"maxAbs": most, "relL2": (squared / length) ** 0.5 if length > 0 else squared**0.5}


def limits(device):
    """What the chip does at its best: TFLOP/s of a large bf16 product, and TB/s of a copy, read and written."""
    found = {}
    size = 8192
    a, b = (torch.randn((size, size), device=device, dtype=torch.bfloat16) for _ in range(2))
    product = Contestant("product", lambda i: a @ b, [0])
    bytes_copied = 2**32
    source = torch.empty(bytes_copied, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    copy = Contestant("copy", lambda i: target.copy_(source), [0])
    import time

    race([product, copy], 15, 5.0, time.monotonic)
    if product.times:
        found["product"] = 2 * size**3 / median(product.times) / 1e9
    if copy.times:
        found["copy"] = 2 * bytes_copied / median(copy.times) / 1e9
    return found, [product, copy]
