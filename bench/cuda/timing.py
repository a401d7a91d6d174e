"""Times the prepared rows: attnc's kernels against the chip's limits, their own bounds, and what PyTorch has.

Parts: limits, dense (beside scaled_dot_product_attention), sparse (against the bound of their tiles), growth (time a
token up to 2^20), flex and autotune (beside FlexAttention).
"""

import sys
import time

import manifest as prepared

PARTS = ["limits", "dense", "sparse", "growth", "flex", "autotune"]

# Seconds within which a row must end; compiling FlexAttention takes most of its rows' time.
HANG_S = {"limits": 120, "dense": 120, "sparse": 120, "growth": 240, "flex": 300, "autotune": 480}

# Lengths in the order in which they are timed, should the time end before all are.
FIRST = [32768, 8192, 131072]


def rows_of(part, built, only, quick):
    if part == "limits":
        return []
    if part in ("flex", "autotune"):
        rows = built.rows(["sparse"], only, quick) + [row for row in built.rows(["dense"], only, quick) if row["length"] == 16384]
        rows.sort(key=lambda row: FIRST.index(row["length"]) if row["length"] in FIRST else len(FIRST))
        return rows
    rows = built.rows([part], only, quick)
    return rows


def bounds(row, built, architecture):
    """The kernel that will run, how much faster than a dense mask its tiles and the pairs allow it to be, and the useful share of its tiles."""
    kernel = prepared.first_that_runs(built.kernels_of(row["stem"]), architecture)
    if kernel is None:
        return None
    tiles = row["tiles"][kernel["name"]]
    computed = (tiles["full"] + tiles["partial"]) * tiles["tileQ"] * tiles["tileK"]
    length = row["length"]
    dense = row["heads"] * (length * (length + 1) / 2 if row["causal"] else length * length)
    return {
        "kernel": kernel["name"],
        "pairs": row["pairs"],
        "density": row["pairs"] / (row["heads"] * length * length),
        "byPairs": dense / row["pairs"],
        "byTiles": tiles["speedup"],
        "useful": row["pairs"] / computed,
    }


def dry_run(args, built, parts):
    architecture = args.architecture or 90
    dim = built.manifest["timed"]["dim"]
    for part in parts:
        print(f"{part}:")
        for row in rows_of(part, built, args.only, args.quick):
            bound = bounds(row, built, architecture)
            operations = 4 * dim * row["pairs"]
            shape = f"{row['heads']}/{row['kvHeads']} heads, dim {dim}, {row['length']} tokens"
            allowed = "no kernel" if bound is None else (
                f"{bound['kernel']}, density {bound['density']:.2%}, bound {bound['byPairs']:.2f}x by pairs, {bound['byTiles']:.2f}x by tiles"
            )
            print(f"  {row['label']}: {shape}, {operations / 1e12:.3f} TFLOP, {allowed}")


def column(key, title, kind):
    return {"key": key, "title": title, "kind": kind}


COMMON = [
    column("label", "mask", "text"),
    column("length", "tokens", "count"),
    column("name", "what", "text"),
    column("milliseconds", "ms, median", "milliseconds"),
    column("low", "lower quartile", "milliseconds"),
    column("high", "upper quartile", "milliseconds"),
    column("rounds", "rounds", "count"),
    column("tflops", "TFLOP/s of useful pairs", "text"),
]
ERRORS = [column("maxAbs", "max error", "error"), column("relL2", "rel. L2", "error"), column("note", "note", "text")]


class Bench:
    def __init__(self, torch, args, built):
        import environment
        import measure
        import operators

        self.torch, self.measure, self.operators, self.environment = torch, measure, operators, environment
        self.args, self.built = args, built
        self.architecture = environment.architecture()
        self.device = environment.device()
        self.seed = args.seed if args.seed is not None else torch.seed() % 2**31
        self.dim = built.manifest["timed"]["dim"]
        self.budget = prepared.Budget(args.budget_s)
        self.rounds = 5 if args.quick else 21
        self.seconds = 1.5 if args.quick else 5.0
        self.modules, self.build_failures = {}, {}
        self.failures, self.all_failures = [], []
        self.found_limits = {}

    def compile(self, parts):
        """All sources of the parts; a dense one beside the sparse rows is their measure."""
        stems = {row["stem"] for part in parts for row in rows_of(part, self.built, self.args.only, self.args.quick)}
        known = {build["stem"] for build in self.built.manifest["timed"]["builds"]}
        stems |= {stem for stem in ("timed_dense", "timed_dense_causal") if stem in known and "sparse" in parts}
        self.modules = {stem: self.operators.load(self.built.folder, stem) for stem in sorted(stems)}
        self.build_failures = self.operators.build(self.modules, self.architecture, self.environment.workers(), self.budget)

    def own(self, row, sets, name="attnc", stem=None):
        stem = stem or row["stem"]
        module = self.modules[stem]
        contestant = self.measure.Contestant(name, None, sets)
        if stem in self.build_failures:
            contestant.failure = self.build_failures[stem].splitlines()[0]
            return contestant
        import masks

        dense = stem != row["stem"]
        given = [] if dense else masks.inputs_of(row, module, self.device)
        arguments = {} if dense else row["arguments"]
        call = self.operators.function(module)
        contestant.call = lambda i: call(*sets[i], *given, **arguments)
        return contestant

    def errors(self, row, contestants):
        for one in contestants:
            if one.failure is None:
                try:
                    one.error = self.measure.error_of(row, one.sets[0], one.call(0))
                except Exception as error:  # noqa: BLE001: a failure is a row and not the end
                    one.failure = f"{type(error).__name__}: {error}".splitlines()[0]

    def cells(self, row, one, **more):
        time_ms = self.measure.median(one.times)
        low, high = self.measure.quartiles(one.times)
        if one.failure is not None and one.name.startswith("attnc"):
            self.failures.append(f"{row['label']}, {row['length']}: {one.failure}")
        # Rounding to bfloat16 leaves thousandths; anything much above is wrong, not imprecise.
        if one.name == "attnc" and not one.error.get("relL2", 0.0) < 0.02:
            self.failures.append(f"{row['label']}, {row['length']}: the output is wrong (relative error {one.error.get('relL2')})")
        return {
            "label": row["label"],
            "length": row["length"],
            "name": one.name,
            "milliseconds": time_ms,
            "low": low,
            "high": high,
            "rounds": len(one.times),
            "tflops": 4 * self.dim * row["pairs"] / time_ms / 1e9 if time_ms else None,
            **one.error,
            **more,
            "note": one.failure or one.note,
        }

    def row(self, part, row):
        sets = self.measure.sets_for(row, self.dim, self.device, self.seed)
        return getattr(self, f"row_{part}")(row, sets)

    def race(self, contestants):
        self.measure.race(contestants, self.rounds, self.seconds, time.monotonic)

    def row_dense(self, row, sets):
        import peers

        contestants = [self.own(row, sets), *peers.sdpa(row, sets)]
        self.errors(row, contestants)
        self.race(contestants)
        best = self.found_limits.get("product")
        own = contestants[0]

        def share(one):
            took = self.measure.median(one.times)
            return 4 * self.dim * row["pairs"] / took / 1e9 / best if took and best else None

        return [self.cells(row, one, faster=self.measure.ratio(one, own), ofLimit=share(one)) for one in contestants]

    def row_sparse(self, row, sets):
        bound = bounds(row, self.built, self.architecture) or {}
        own = self.own(row, sets)
        stem = "timed_dense_causal" if row["causal"] else "timed_dense"
        contestants = [own] + ([self.own(row, sets, "attnc, dense mask", stem)] if stem in self.modules else [])
        self.errors(row, contestants[:1])
        self.race(contestants)
        cells = self.cells(row, own, **{name: bound.get(name) for name in ("kernel", "density", "byPairs", "byTiles", "useful")})
        if len(contestants) > 1:
            cells["dense"] = self.measure.median(contestants[1].times)
            cells["faster"] = self.measure.ratio(contestants[1], own)
            cells["ofTiles"] = cells["faster"] / bound["byTiles"] if cells["faster"] and bound else None
        return [cells]

    def row_flex(self, row, sets, autotune=False):
        import peers

        own = self.own(row, sets)
        contestants = [own]
        made = {}
        try:
            block_mask = peers.BlockMask(row, self.device)
            made = {"maskMilliseconds": block_mask.milliseconds, "maskPeak": block_mask.peak_bytes, "maskKept": block_mask.kept_bytes, "maskHow": block_mask.how}
            contestants.append(peers.flex(row, sets, block_mask, False))
            if autotune:
                contestants.append(peers.flex(row, sets, block_mask, True))
        except Exception as error:  # noqa: BLE001: a failure is a row and not the end
            refused = self.measure.Contestant("FlexAttention", None, sets)
            refused.failure = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            contestants.append(refused)
        self.errors(row, contestants)
        self.race(contestants)
        cells = [self.cells(row, one, faster=self.measure.ratio(one, own), **(made if one is not own else {})) for one in contestants]
        peers.forget()
        return cells

    def row_autotune(self, row, sets):
        return self.row_flex(row, sets, autotune=True)

    def not_run(self, row):
        return {"label": row["label"], "length": row["length"], "name": "attnc", "note": "not run: no time was left"}

    def groups(self, part):
        """What is timed together: rows one by one, and for growth all lengths of a mask."""
        rows = rows_of(part, self.built, self.args.only, self.args.quick)
        if part != "growth":
            return [[row] for row in rows]
        return [[row for row in rows if row["label"] == label] for label in dict.fromkeys(row["label"] for row in rows)]

    def group(self, part, rows):
        """The cells of one group; never raises but for a device that is broken."""
        if self.budget.left() < 0:
            return [self.not_run(row) for row in rows]
        try:
            return self.growth(rows) if part == "growth" else self.row(part, rows[0])
        except Exception as error:  # noqa: BLE001: a failure is a row and not the end
            return [self.failed(part, row, f"{type(error).__name__}: {error}".splitlines()[0][:200]) for row in rows]

    def failed(self, part, row, message):
        self.failures.append(f"{part}: {row['label']}, {row['length']}: {message}")
        return {"label": row["label"], "length": row["length"], "name": "attnc", "note": message}

    def growth(self, rows):
        """All lengths of a mask in turns: a token should cost the same at each."""
        contestants = []
        for row in rows:
            try:
                contestants.append(self.own(row, self.measure.sets_for(row, self.dim, self.device, self.seed)))
                self.errors(row, contestants[-1:])
            except Exception as error:  # noqa: BLE001: where one length does not fit, the others do
                refused = self.measure.Contestant("attnc", None, [])
                refused.failure = f"{type(error).__name__}: {error}".splitlines()[0][:200]
                contestants.append(refused)
        self.race(contestants)
        cells = [self.cells(row, one) for row, one in zip(rows, contestants)]
        for each, row in zip(cells, rows):
            each["perToken"] = each["milliseconds"] * 1e6 / row["length"] / row["heads"] if each["milliseconds"] else None
        middle = self.measure.median([each["perToken"] for each in cells if each["perToken"]])
        for each in cells:
            each["deviation"] = each["perToken"] / middle - 1 if each["perToken"] else None
        return cells

    def section(self, part):
        if part == "limits":
            self.found_limits, contestants = self.measure.limits(self.device)
            names = {"product": "bf16 product, 8192 x 8192 x 8192, TFLOP/s", "copy": "copy of 4 GiB, read and written, GB/s"}
            rows = [{"name": names[one.name], "value": self.found_limits.get(one.name), "rounds": len(one.times), "note": one.failure or one.note} for one in contestants]
            columns = [column("name", "what", "text"), column("value", "value", "text"), column("rounds", "rounds", "count"), column("note", "note", "text")]
            return "The chip's own limits", [], columns, rows
        rows = None
        head = "bf16, batch 1; times of one call by events, medians of interleaved rounds over sets of tensors that do not fit the second-level cache together. The error is that of sampled rows against float64."
        if part == "dense":
            columns = [*COMMON, column("faster", "its time over attnc's", "ratio"), column("ofLimit", "of the product's limit", "percent"), *ERRORS]
            return "Dense masks beside scaled_dot_product_attention", [head], columns, self.table(part)
        if part == "sparse":
            more = [column("kernel", "kernel", "text"), column("density", "density", "percent"), column("dense", "dense mask, ms", "milliseconds")]
            more += [column("faster", "faster than dense", "ratio"), column("byPairs", "bound by pairs", "ratio"), column("byTiles", "bound by tiles", "ratio")]
            more += [column("ofTiles", "of the tile bound", "percent"), column("useful", "pairs of its tiles", "percent")]
            notes = [head, "A dense mask is causal where the sparse one is. The bound by tiles is how many times as many tiles the dense mask has. Goal: 90% of it."]
            return "Sparse masks against their bounds", notes, [*COMMON, *more, *ERRORS], rows
        if part == "growth":
            more = [column("perToken", "ns a token and head", "text"), column("deviation", "off the median", "percent")]
            return "Growth with the length", [head, "All lengths of a mask in turns. Goal: flat."], [*COMMON, *more, *ERRORS], rows
        more = [column("faster", "its time over attnc's", "ratio"), column("maskMilliseconds", "mask creation, ms", "milliseconds")]
        more += [column("maskPeak", "at its peak", "bytes"), column("maskKept", "kept", "bytes"), column("maskHow", "created", "text")]
        title = "Beside FlexAttention, tuned (max-autotune)" if part == "autotune" else "Beside FlexAttention"
        notes = [head, "FlexAttention is compiled for each shape and mask before it is timed. Its masks are created five times, and the times here are medians of the last three; attnc creates none. Goal: 1.3 times faster."]
        return title, notes, [*COMMON, *more, *ERRORS], rows


def main():
    parser = prepared.options(__doc__)
    parser.add_argument("parts", nargs="*", default=[], metavar="PART", help=f"of {', '.join(PARTS)}; all but autotune by default")
    args = parser.parse_args()
    parts = args.parts or PARTS[:-1]
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    built = prepared.Prepared(args.built)
    if args.dry_run:
        return dry_run(args, built, parts)
    import torch

    bench = Bench(torch, args, built)
    bench.compile(parts)
    print(f"seed {bench.seed}; compiled {len(bench.modules)} sources in {bench.budget.used():.0f} s", file=sys.stderr)
    for part in parts:
        if run_part(bench, part):
            return prepared.BROKEN
    return 1 if bench.all_failures else 0


def run_part(bench, part):
    """Times a part and writes it after every group, as a later one may be stopped. Returns whether the device is broken."""
    args = bench.args
    bench.failures = []
    title, notes, columns, rows = bench.section(part)
    earlier = prepared.read_json(args.out, f"{part}.json") if args.resume else None
    done = rows or [row for row in (earlier["section"]["tables"][0]["rows"] if earlier else []) if not str(row.get("note")).startswith("not run")]
    if earlier is not None:
        bench.failures = list(earlier["section"]["failures"])
        if part == "limits":
            bench.failures = []
    known = {(row.get("label"), row.get("length")) for row in done}

    def save():
        table = {"title": title, "columns": columns, "rows": done}
        section = {"name": part, "title": title, "notes": notes, "tables": [table], "charts": [], "failures": bench.failures}
        facts = {"version": 1, "attnc": bench.built.manifest["attnc"], "seed": bench.seed, **bench.environment.facts()}
        prepared.write_json(args.out, f"{part}.json", {**facts, "section": section})

    def hung(group):
        done.extend(bench.failed(part, row, "it did not end") for row in group)
        save()

    save()
    for group in bench.groups(part):
        if all((row["label"], row["length"]) in known for row in group):
            continue
        with prepared.Watchdog(HANG_S[part], lambda group=group: hung(group)):
            done.extend(bench.group(part, group))
        save()
        last = done[-1]
        print(f"{part}: {last['label']}, {last['length']}: {last.get('milliseconds')} ms {last['note'] or ''}; {bench.budget.used():.0f} s", file=sys.stderr)
        if bench.environment.device_is_broken():
            return True
        bench.torch.cuda.empty_cache()
    bench.all_failures.extend(bench.failures)
    return False


if __name__ == "__main__":
    sys.exit(main())
