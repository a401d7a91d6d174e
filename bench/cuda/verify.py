"""Every operator and family of kernels against dense attention in float64, under masks that the oracle wrote."""

import gzip
import io
import math
import sys
import traceback

import manifest as prepared
from selected import head_mask

# No case takes more than a second or two; under compute-sanitizer some tens.
HANG_S = 120

KINDS = ["normal", "large logits", "low scores", "equal keys", "dominant key"]


def plan(built, only, quick, architecture, small=False):
    """(operator, build, kernel, case, kind of data) in the order in which they are verified: first one of everything."""
    first, rest = [], []
    for operator in built.operators(only):
        for build in operator["builds"]:
            for kernel in build["kernels"]:
                if architecture is not None and not prepared.runs_on(kernel, architecture):
                    continue
                cases = operator["cases"]
                if small:
                    cases = [case for case in cases if case["keys"] < 200][:2] or cases[:1]
                for i, case in enumerate(cases):
                    # The other kinds of data need no mask of their own.
                    kinds = KINDS if i == 0 and not small else KINDS[:1]
                    for kind in kinds:
                        (first if i == 0 and kind == "normal" else rest).append((operator, build, kernel, case, kind))
    return first if quick else first + rest


def dry_run(args, built):
    steps = plan(built, args.only, args.quick, args.architecture, args.sanitize)
    counts = {}
    for operator, build, kernel, case, kind in steps:
        key = (operator["name"], kernel["symbol"])
        counts[key] = counts.get(key, 0) + 1
    for (name, symbol), count in counts.items():
        print(f"{name}  {symbol}  {count} cases")
    print(f"{len(counts)} kernels of {len({name for name, _ in counts})} operators, {len(steps)} cases")


class Masks:
    """Pieces of an operator's pool on the device."""

    def __init__(self, torch, built, operator, device):
        import numpy

        self.torch = torch
        with gzip.open(built.folder / f"{operator['name']}.npy.gz") as file:
            words = numpy.load(io.BytesIO(file.read()))
        self.words = torch.from_numpy(words).to(device)

    def piece(self, piece):
        return self.words[piece["at"] : piece["at"] + math.prod(piece["shape"])].view(piece["shape"])

    def truths(self, piece, columns):
        bits = self.torch.arange(32, device=self.words.device, dtype=self.torch.int32)
        words = self.piece(piece)
        return ((words[..., None] >> bits) & 1).bool().flatten(-2)[..., :columns]

    def mask(self, case):
        planes = self.truths(case["mask"], case["keys"])
        chosen = planes[self.torch.tensor(case["mask"]["planes"], device=planes.device)]
        return chosen.view(case["batch"], case["heads"], case["queries"], case["keys"])


def tensors(torch, operators, case, kernel, kind, generator, device):
    """q, k and v of a kind (see runtime/verify/tensors.ts), each between guards of NaN."""
    dtype = operators.DTYPES[kernel["dtype"]]
    factor = 8.0 if kind == "large logits" else 1.0

    def normal(heads, rows, dim, by):
        return torch.randn((case["batch"], heads, rows, dim), generator=generator, device=device) * by

    dim, value_dim = kernel["headDim"], kernel["valueDim"]
    q = normal(case["heads"], case["queries"], dim, factor)
    k = normal(case["kvHeads"], case["keys"], dim, factor)
    v = normal(case["kvHeads"], case["keys"], value_dim, 1.0)
    if kind == "low scores":
        q[..., 0], k[..., 0] = 4.0, -64.0 * math.sqrt(dim)
    if kind == "equal keys":
        k[:] = k[..., :1, :].clone()
    if kind == "dominant key":
        q[..., 0] = 4.0
        at = torch.randint(case["keys"], (case["batch"], case["kvHeads"], 1), generator=generator, device=device)
        k[..., 0].scatter_(2, at, 8.0 * math.sqrt(dim))
    return [operators.Guarded(each.shape, dtype, device, each.to(dtype)) for each in (q, k, v)]


def compare(torch, name, got, want, tolerance):
    """The greatest error as a multiple of its tolerance, with its place; elements that are not there or no numbers count as infinite."""
    got = got.double()
    error = torch.where(got == want, torch.zeros_like(want), (got - want).abs())
    error = torch.where(torch.isnan(error), torch.full_like(error, math.inf), error)
    ratio = torch.where(error == 0, error, error / tolerance)
    ratio = torch.where(torch.isnan(ratio), torch.full_like(ratio, math.inf), ratio)
    at = int(ratio.argmax())
    place = [int(i) for i in torch.unravel_index(torch.tensor(at), ratio.shape)]
    flat = {"expected": want.flatten()[at], "got": got.flatten()[at], "tolerance": tolerance.flatten()[at]}
    return {
        "tensor": name,
        "ratio": float(ratio.flatten()[at]),
        "max_abs": float(error.max()),
        "place": place,
        **{key: float(value) for key, value in flat.items()},
    }


class Verifier:
    def __init__(self, torch, operators, reference, built, seed, device):
        self.torch, self.operators, self.reference = torch, operators, reference
        self.built, self.seed, self.device = built, seed, device
        self.modules, self.calls, self.masks = {}, {}, {}
        self.measured = {}

    def case(self, operator, build, kernel, case, kind, compare_results=True):
        torch, operators = self.torch, self.operators
        stem, name = build["stem"], operator["name"]
        if name not in self.masks:
            self.masks = {name: Masks(torch, self.built, operator, self.device)}
        masks = self.masks[name]
        selected = case.get("selected")
        mask = None if selected is not None else masks.mask(case)
        # Data depend on the case and not on the family: all compute the same.
        which = (name, case["name"], kind, kernel["dtype"], kernel["headDim"])
        generator = torch.Generator(device=self.device).manual_seed((self.seed * 1000003 + hash_of(which)) % 2**63)
        q, k, v = tensors(torch, operators, case, kernel, kind, generator, self.device)
        if selected is None:
            unvisited = masks.truths(case["unvisited"][kernel["tiles"]], case["keys"]).view(case["batch"], case["kvHeads"], case["keys"], 1)
            for each in (k, v):
                each.tensor.masked_fill_(unvisited, math.nan)
        given = [masks.piece(piece).clone() for piece in case["tensors"]]
        given = [each.view(torch.float32) if piece.get("floats") else each for each, piece in zip(given, case["tensors"])]
        more = {} if selected is None else {"return_selected": True}
        call = operators.function(self.modules[stem])
        calls = self.calls[stem]
        calls.clear()
        out, lse, *bits = call(q.tensor, k.tensor, v.tensor, *given, **case["arguments"], return_lse=True, **more)
        torch.cuda.synchronize()
        for what, buffer in {**calls[0], "q": q, "k": k, "v": v}.items():
            broken = buffer.broken()
            if broken is not None:
                return {"ok": False, "problem": f"{what}: {broken} was written"}
        if not compare_results:
            return {"ok": True}
        again, _, *others = call(q.tensor, k.tensor, v.tensor, *given, **case["arguments"], return_lse=True, **more)
        bits = operators.BITS[out.dtype]
        if not torch.equal(out.view(bits), again.view(bits)):
            return {"ok": False, "problem": "two runs on the same tensors differ"}
        if selected is not None:
            if any(not torch.equal(each, others[0][name]) for name, each in bits[0].items()):
                return {"ok": False, "problem": "two runs on the same tensors select otherwise"}
            heads = [head_mask(torch, selected, bits[0], case, b, h) for b in range(case["batch"]) for h in range(case["heads"])]
            mask = torch.stack(heads).view(case["batch"], case["heads"], case["queries"], case["keys"])
        group = case["heads"] // case["kvHeads"]
        keys, values = (each.tensor.repeat_interleave(group, 1) for each in (k, v))
        scale = 1.0 / math.sqrt(kernel["headDim"])
        weights = kernel.get("weights", "f32")
        expected = self.reference.expected_within(torch, q.tensor, keys, values, mask, scale, kernel["dtype"], weights, self.measured.get(which))
        self.measured[which] = expected["measured"]
        found = [compare(torch, each, got, expected[each], expected[f"{each}_tolerance"]) for each, got in (("out", out), ("lse", lse))]
        worst = max(found, key=lambda one: one["ratio"])
        return {"ok": worst["ratio"] <= 1, "worst": worst, "max_abs": found[0]["max_abs"], "lse_max_abs": found[1]["max_abs"]}


def hash_of(parts):
    """The same in every process, as Python's own is not."""
    value = 17
    for byte in "/".join(map(str, parts)).encode():
        value = (value * 31 + byte) % 2**61
    return value


def main():
    parser = prepared.options(__doc__)
    parser.add_argument("--sanitize", action="store_true", help="few small cases and no comparison: what compute-sanitizer looks at")
    args = parser.parse_args()
    built = prepared.Prepared(args.built)
    if args.dry_run:
        return dry_run(args, built)
    budget = prepared.Budget(args.budget_s)
    import torch

    import environment
    import operators
    import reference

    architecture = environment.architecture()
    steps = plan(built, args.only, args.quick, architecture, args.sanitize)
    known, seed = recorded(args, steps)
    if seed is None:
        seed = args.seed if args.seed is not None else torch.seed() % 2**31
    print(f"seed {seed}, {len(steps)} cases, {len(known)} known", file=sys.stderr)
    verifier = Verifier(torch, operators, reference, built, seed, environment.device())
    stems = list(dict.fromkeys(build["stem"] for _, build, *_ in steps))
    verifier.modules = {stem: operators.load(built.folder, stem) for stem in stems}
    failures = operators.build(verifier.modules, architecture, environment.workers(), budget)
    print(f"compiled {len(stems)} sources in {budget.used():.0f} s", file=sys.stderr)
    verifier.calls = {stem: operators.guard_launches(module) for stem, module in verifier.modules.items()}
    report = {"version": 1, "attnc": built.manifest["attnc"], **environment.facts(), "seed": seed, "seconds": 0.0, "results": list(known)}
    results, file = report["results"], "sanitized.json" if args.sanitize else "verify.json"
    saved = 0.0

    def save():
        report["seconds"] = budget.used()
        prepared.write_json(args.out, file, report)

    def add(row, found):
        results.append({**row, **found})
        if found["ok"] is False:
            print(f"FAILED {row}: {found.get('problem') or found.get('worst')}", file=sys.stderr)

    def hung(row):
        add(row, {"ok": False, "problem": f"it did not end within {HANG_S} s"})
        save()

    for i, (operator, build, kernel, case, kind) in enumerate(steps):
        row = row_of(operator, kernel, case, kind)
        if i < len(known):
            continue
        if budget.left() < 0:
            add(row, {"ok": None, "problem": "not run: no time was left"})
            continue
        if build["stem"] in failures:
            add(row, {"ok": False, "problem": failures[build["stem"]]})
            continue
        try:
            with prepared.Watchdog(HANG_S, lambda row=row: hung(row)):
                found = verifier.case(operator, build, kernel, case, kind, not args.sanitize)
            add(row, found)
        except Exception as error:  # noqa: BLE001: a failure is a row and not the end
            add(row, {"ok": False, "problem": f"{type(error).__name__}: {error}"})
            if not isinstance(error, (ValueError, RuntimeError)):
                traceback.print_exc()
            if environment.device_is_broken():
                save()
                return prepared.BROKEN
        if budget.used() - saved > 5:
            saved = budget.used()
            save()
    save()
    failed = sum(row["ok"] is False for row in results)
    skipped = sum(row["ok"] is None for row in results)
    kernels = len({(row["operator"], row["kernel"]) for row in results if row["ok"]})
    print(f"{len(results) - failed - skipped} cases of {kernels} kernels are right, {failed} wrong, {skipped} not run; {budget.used():.0f} s")
    return 1 if failed > 0 or kernels == 0 else 0


def row_of(operator, kernel, case, kind):
    dims = f"d{kernel['headDim']}" + (f"x{kernel['valueDim']}" if kernel["valueDim"] != kernel["headDim"] else "")
    return {"operator": operator["name"], "kernel": f"{kernel['name']} {dims}", "case": case["name"], "data": kind}


def recorded(args, steps):
    """The results of an earlier run of the same plan, up to where it broke off, and its seed."""
    earlier = prepared.read_json(args.out, "sanitized.json" if args.sanitize else "verify.json") if args.resume else None
    if earlier is None:
        return [], None
    known = []
    for result, (operator, _, kernel, case, kind) in zip(earlier["results"], steps):
        row = row_of(operator, kernel, case, kind)
        if result["ok"] is None or any(result[name] != value for name, value in row.items()):
            break
        known.append(result)
    return known, earlier["seed"]


if __name__ == "__main__":
    sys.exit(main())
