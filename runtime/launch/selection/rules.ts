import type { ResolvedCall } from "../call.js";
import { AttnError } from "../errors.js";
import type { ReuseRule, SelectionSpec } from "../module.js";

/** What the rules are about: a module with selections. */
interface Selecting {
  readonly name: string;
  readonly selection?:
    | {
        readonly matrices: readonly Pick<SelectionSpec["matrices"][number], "name" | "reusable" | "with">[];
        readonly reuse?: SelectionSpec["reuse"];
      }
    | undefined;
}

function listed(names: readonly string[], none: string): string {
  return names.length === 0 ? none : `one of ${names.join(", ")}`;
}

/** Throws ATTN5214 where a field, `selected` or `reuse`, names what is no selection, or is none that can be given back. */
export function checkSelectionNames(module: Selecting, field: "selected" | "reuse", given: Readonly<Record<string, unknown>>): void {
  const matrices = module.selection!.matrices.filter(({ reusable }) => field === "selected" || reusable);
  const names = matrices.map(({ name }) => name);
  const unknown = Object.keys(given).find((name) => !names.includes(name) && given[name] !== undefined);
  if (unknown === undefined) return;
  const all = module.selection!.matrices.map(({ name }) => name);
  throw new AttnError("ATTN5214", {
    field: `${field}.${unknown}`,
    expected: listed(names, field === "reuse" ? `nothing to reuse: ${module.name} declares none` : "no selection"),
    found: `\`${unknown}\``,
    remedy: all.includes(unknown) ? "Declare it with `reuse` to give it back." : "Use the name of a `select` of the declaration.",
  });
}

/**
 * The selections that the caller gives back, of those named in `reuse`. Throws ATTN5214 for a name that there is not, ATTN5217
 * where this launch has to make one that was given, or was not given one that it does not make, ATTN5225 where one of two is
 * given that go together.
 */
export function reusedNames(
  module: Selecting,
  call: Pick<ResolvedCall, "n" | "nq" | "launch" | "params">,
  reuse: Readonly<Record<string, unknown>>,
): readonly string[] {
  const { matrices, reuse: rulesOf } = module.selection!;
  checkSelectionNames(module, "reuse", reuse);
  checkTogether(matrices, reuse);
  const rules = rulesOf?.({ h: 0, kvh: 0, N: call.n, NQ: call.nq, ...call.launch, params: call.params });
  return matrices.flatMap(({ name, reusable }, i) => {
    const rule: ReuseRule = reusable ? (rules?.[i] ?? "either") : "made";
    const given = reuse[name] !== undefined;
    if (given ? rule !== "made" : rule !== "given") return given ? [name] : [];
    const { layer, step } = call.launch;
    const where = `layer ${layer}, step ${step}`;
    throw new AttnError("ATTN5217", {
      field: `reuse.${name}`,
      expected: given ? `nothing: this launch makes the selection (${where})` : `the selection of an earlier launch (${where})`,
      found: given ? "a selection" : "nothing",
      remedy: given ? "Leave it out." : "Have it from the launch that made it, under `selected`, and pass it on.",
    });
  });
}

/** Throws ATTN5225 where one of two matrices is given back that go together. */
function checkTogether(
  matrices: readonly Pick<SelectionSpec["matrices"][number], "name" | "with">[],
  reuse: Readonly<Record<string, unknown>>,
): void {
  const lacks = matrices.find(({ name, with: other }) => other !== undefined && reuse[name] !== undefined && reuse[other] === undefined);
  if (lacks === undefined) return;
  throw new AttnError("ATTN5225", {
    field: `reuse.${lacks.with!}`,
    expected: `what the launch that made ${lacks.name} gave out beside it`,
    found: "nothing",
    remedy: `Have both from one launch, under \`selected\`, and pass both on; or leave ${lacks.name} out.`,
  });
}

/**
 * The stages that a launch needs: those that serve only selections which the caller gives back are left out. Rows of selections
 * that their queries guard may be made all the same.
 */
export function neededStages<S extends { readonly serves: readonly string[] }>(
  stages: readonly S[],
  matrices: readonly Pick<SelectionSpec["matrices"][number], "name" | "with">[],
  given: readonly string[],
): readonly S[] {
  const guarded = matrices.flatMap(({ name, with: other }) => (other === undefined ? [] : [name]));
  const isMade = (name: string): boolean => !given.includes(name) || guarded.includes(name);
  return stages.filter(({ serves }) => serves.length === 0 || serves.some(isMade));
}

/** The selections that the caller asks for. Throws ATTN5214 for a name that there is not. */
export function selectedNames(module: Selecting, selected: Readonly<Record<string, unknown>>): readonly string[] {
  checkSelectionNames(module, "selected", selected);
  return module.selection!.matrices.map(({ name }) => name).filter((name) => selected[name] !== undefined);
}
