import { AttnError } from "./errors.js";
import { checkGiven } from "./given.js";
import type { AttentionModule, LaunchVariable, ParamSpec } from "./module.js";

/** Heads and dimensions of an operator; what is left out comes from the declaration. */
export interface AttentionShape {
  readonly heads?: number | undefined;
  readonly kvHeads?: number | undefined;
  readonly headDim?: number | undefined;
  readonly valueDim?: number | undefined;
}

/** An {@link AttentionShape} with nothing left out. */
export interface ResolvedShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
}

/**
 * What one launch is about. Either `length`, for as many queries as keys, or `queryLength` and
 * `keyLength`; in a self space the queries are the last of the keys' positions.
 */
export interface AttentionCall {
  readonly batch?: number | undefined;
  readonly length?: number | undefined;
  readonly queryLength?: number | undefined;
  readonly keyLength?: number | undefined;
  /** Values of runtime parameters, by name. */
  readonly params?: Readonly<Record<string, number | undefined>> | undefined;
  readonly layer?: number | undefined;
  readonly layers?: number | undefined;
  readonly step?: number | undefined;
  readonly steps?: number | undefined;
  /** The name of a phase of the declaration, or its index. */
  readonly phase?: string | number | undefined;
  /** Factor of the logits; 1 / sqrt(headDim) when left out. */
  readonly scale?: number | undefined;
}

/** A checked call: `n` keys, `nq` queries, every parameter and launch variable. */
export interface ResolvedCall extends ResolvedShape {
  readonly batch: number;
  readonly n: number;
  readonly nq: number;
  readonly params: Readonly<Record<string, number>>;
  readonly launch: Readonly<Record<LaunchVariable, number>>;
  readonly scale: number;
}

const MAX_INT32 = 0x7fffffff;
/** The greatest magnitude of a parameter, layer or step: the compiler's proof that no index overflows assumes it. */
const MAX_VALUE = 2 ** 24;

function positiveInteger(code: "ATTN5201" | "ATTN5202", field: string, value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_INT32) return value;
  throw new AttnError(code, { field, expected: "a positive integer", found: String(value), remedy: `Pass a whole number for ${field}.` });
}

/** Fills a shape from the declaration and checks it. Throws ATTN5201. */
export function resolveShape(module: AttentionModule, shape: AttentionShape = {}): ResolvedShape {
  const d = module.defaults;
  const heads = positiveInteger("ATTN5201", "heads", shape.heads ?? d.heads);
  const headDim = positiveInteger("ATTN5201", "headDim", shape.headDim ?? d.headDim);
  // A default that equals another follows it: kv_heads = heads and value_dim = dim unless said otherwise.
  const kvHeads = positiveInteger("ATTN5201", "kvHeads", shape.kvHeads ?? (d.kvHeads === d.heads ? heads : d.kvHeads));
  const valueDim = positiveInteger("ATTN5201", "valueDim", shape.valueDim ?? (d.valueDim === d.headDim ? headDim : d.valueDim));
  if (heads % kvHeads !== 0) {
    throw new AttnError("ATTN5201", {
      field: "kvHeads",
      expected: `a divisor of heads (${heads})`,
      found: String(kvHeads),
      remedy: "Each key-value head serves the same number of query heads.",
    });
  }
  for (const [field, fixed, found] of [
    ["heads", module.fixed.heads, heads],
    ["kvHeads", module.fixed.kvHeads, kvHeads],
  ] as const) {
    if (fixed === undefined || fixed === found) continue;
    throw new AttnError("ATTN5201", {
      field,
      expected: `${fixed}: a table in the declaration of ${module.name} has that many columns`,
      found: String(found),
      remedy: "Use the head count of the table, or compile with another table.",
    });
  }
  return { heads, kvHeads, headDim, valueDim };
}

function resolveLengths(module: AttentionModule, call: AttentionCall): { n: number; nq: number } {
  if (call.length !== undefined && (call.queryLength !== undefined || call.keyLength !== undefined)) {
    throw new AttnError("ATTN5202", {
      field: "length",
      expected: "either `length`, or `queryLength` and `keyLength`",
      found: "both",
      remedy: "Leave out one of them.",
    });
  }
  const n = positiveInteger("ATTN5202", call.length === undefined ? "keyLength" : "length", call.length ?? call.keyLength);
  const nq = positiveInteger("ATTN5202", "queryLength", call.length ?? call.queryLength);
  if (module.space === "self" && nq > n) {
    throw new AttnError("ATTN5202", {
      field: "queryLength",
      expected: `at most keyLength (${n}): in a self space the queries are the last of the keys' positions`,
      found: String(nq),
      remedy: "Pass all keys, or declare `space seq cross`.",
    });
  }
  if (Math.max(n, nq) > module.maxLength) {
    throw new AttnError("ATTN5202", {
      field: n > module.maxLength ? "keyLength" : "queryLength",
      expected: `at most ${module.maxLength}: beyond it an index of the mask would overflow 32 bits`,
      found: String(Math.max(n, nq)),
      remedy: "Split the sequence, or use smaller factors in the mask's index expressions.",
    });
  }
  return { n, nq };
}

function checkLengthRule(module: AttentionModule, n: number, params: Readonly<Record<string, number>>): void {
  const { kind, extents, extra } = module.length;
  const values = extents.map((extent) => (typeof extent === "number" ? extent : params[extent]!));
  const expected = values.reduce((product, value) => product * value, kind === "extents" ? 1 : 0) + extra;
  if (kind === "extents" ? n === expected : n >= expected) return;
  const segments = extra === 0 ? "" : ` + ${extra}`;
  throw new AttnError("ATTN5202", {
    field: "keyLength",
    expected:
      kind === "extents"
        ? `${expected} = ${values.join(" x ")}${segments}, the size of the declaration's grid`
        : `at least ${expected}, the length of the segments`,
    found: String(n),
    remedy: extents.some((extent) => typeof extent === "string")
      ? "Pass the extents of this call as parameters."
      : "Pass that many tokens.",
  });
}

/** All parameters are integers: those, too, that only a selection or the host reads. */
function checkParam(spec: ParamSpec, value: number | undefined): number {
  const given = value ?? spec.default;
  const field = `params.${spec.name}`;
  if (given === undefined) {
    throw new AttnError("ATTN5203", {
      field,
      expected: "a value: the parameter has no default",
      found: "nothing",
      remedy: `Pass \`params: { ${spec.name}: … }\` in the call.`,
    });
  }
  const bounded = spec.min === undefined || given >= spec.min;
  if (Number.isInteger(given) && Math.abs(given) <= MAX_VALUE && bounded) return given;
  throw new AttnError("ATTN5203", {
    field,
    expected: `an integer within ${MAX_VALUE} of 0${spec.min === undefined ? "" : ` of at least ${spec.min}`}`,
    found: String(given),
    remedy: "Pass a value in this range.",
  });
}

function resolveParams(module: AttentionModule, given: Readonly<Record<string, number | undefined>>): Record<string, number> {
  const names = module.params.map((spec) => spec.name);
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    throw new AttnError("ATTN5203", {
      field: `params.${name}`,
      expected: names.length === 0 ? `no parameters: ${module.name} has none at run time` : `one of ${names.join(", ")}`,
      found: `\`${name}\``,
      remedy: "Remove it, or declare it as `runtime`.",
    });
  }
  const params: Record<string, number> = {};
  for (const spec of module.params) params[spec.name] = checkParam(spec, given[spec.name]);
  return params;
}

function phaseIndex(module: AttentionModule, phase: string | number | undefined): number | undefined {
  const index = typeof phase === "string" ? module.phases.indexOf(phase) : phase;
  if (index === undefined || module.phases.length === 0) return index;
  if (Number.isInteger(index) && index >= 0 && index < module.phases.length) return index;
  throw new AttnError("ATTN5204", {
    field: "phase",
    expected: `one of ${module.phases.join(", ")}`,
    found: String(phase),
    remedy: "Pass a phase of the declaration.",
  });
}

function resolveLaunch(module: AttentionModule, call: AttentionCall): Record<LaunchVariable, number> {
  const given: Record<LaunchVariable, number | undefined> = {
    layer: call.layer,
    layers: call.layers ?? module.fixed.layers,
    step: call.step,
    steps: call.steps,
    phase: phaseIndex(module, call.phase),
  };
  const launch: Record<LaunchVariable, number> = { layer: 0, layers: 0, step: 0, steps: 0, phase: 0 };
  const wrong = (field: LaunchVariable, expected: string, remedy: string): AttnError =>
    new AttnError("ATTN5204", { field, expected, found: given[field] === undefined ? "nothing" : String(given[field]), remedy });
  for (const name of Object.keys(launch) as LaunchVariable[]) {
    const value = given[name];
    if (value === undefined) {
      if (module.uses.includes(name)) {
        throw wrong(name, "a value: the mask depends on it", `Pass \`${name}\` in the call, or \`--${name}\` on the command line.`);
      }
      continue;
    }
    const least = name === "layers" || name === "steps" ? 1 : 0;
    if (!Number.isInteger(value) || value < least || value > MAX_VALUE) {
      throw wrong(name, `an integer from ${least} to ${MAX_VALUE}`, "Layers, steps and phases count from 0.");
    }
    launch[name] = value;
  }
  if (module.fixed.layers !== undefined && launch.layers !== module.fixed.layers) {
    throw wrong("layers", `${module.fixed.layers}: a table has that many rows`, "Use the layer count of the table.");
  }
  for (const [index, count] of [
    ["layer", "layers"],
    ["step", "steps"],
  ] as const) {
    if (given[index] !== undefined && given[count] !== undefined && launch[index] >= launch[count]) {
      throw wrong(index, `less than ${count} (${launch[count]})`, "Layers and steps count from 0.");
    }
  }
  return launch;
}

/** Checks a call against its module. Throws ATTN5201 to ATTN5204, and ATTN5212 where there is no call. */
export function resolveCall(module: AttentionModule, shape: ResolvedShape, call: AttentionCall): ResolvedCall {
  checkGiven("call", call, "the lengths of this call, such as { length: 1024 }");
  const batch = positiveInteger("ATTN5201", "batch", call.batch ?? 1);
  const { n, nq } = resolveLengths(module, call);
  const params = resolveParams(module, call.params ?? {});
  checkLengthRule(module, n, params);
  const scale = call.scale ?? 1 / Math.sqrt(shape.headDim);
  if (!Number.isFinite(Math.fround(scale))) {
    throw new AttnError("ATTN5203", {
      field: "scale",
      expected: "a finite number of float32",
      found: String(call.scale),
      remedy: "Leave it out for 1 / sqrt(headDim).",
    });
  }
  return { ...shape, batch, n, nq, params, launch: resolveLaunch(module, call), scale };
}
