/**
 * Errors of the runtime. 50xx: opening a device; 51xx: what the device can do; 52xx: what the
 * caller passed; 53xx: CUDA. `attnc explain CODE` has the long text of each.
 */
export type AttnErrorCode =
  /** The package that gives Node its WebGPU is missing or does not load. */
  | "ATTN5001"
  /** No adapter of the kind asked for. */
  | "ATTN5002"
  /** The embedded software adapter cannot be had here. */
  | "ATTN5003"
  /** Not the name of a device. */
  | "ATTN5004"
  /** The adapter refused to make a device. */
  | "ATTN5005"
  /** The device lacks a feature. */
  | "ATTN5101"
  /** A limit of the device is too low. */
  | "ATTN5102"
  /** No kernel was compiled for these dimensions, or by this name. */
  | "ATTN5103"
  /** A shader does not compile on this device. */
  | "ATTN5104"
  /** The device was lost. */
  | "ATTN5105"
  /** The device reported an error while it ran. */
  | "ATTN5106"
  /** Used after `destroy`. */
  | "ATTN5107"
  /** Kernels of one operator give different results, and nothing tells which are right. */
  | "ATTN5108"
  /** The storage of tuned kernels fails. */
  | "ATTN5109"
  /** Head counts, dimensions or the batch do not fit. */
  | "ATTN5201"
  /** A length does not fit. */
  | "ATTN5202"
  /** A parameter is missing, unknown or out of range. */
  | "ATTN5203"
  /** A launch variable (layer, step, phase) is missing or out of range. */
  | "ATTN5204"
  /** An input is missing or unknown. */
  | "ATTN5205"
  /** An input has another shape than its kind asks for. */
  | "ATTN5206"
  /** A value in an input is out of range. */
  | "ATTN5207"
  /** A buffer or array has the wrong size. */
  | "ATTN5208"
  /** A buffer lacks a usage flag. */
  | "ATTN5209"
  /** A binding is over the device's limit. */
  | "ATTN5210"
  /** Too many workgroups. */
  | "ATTN5211"
  /** A value that is not of the type asked for. */
  | "ATTN5212"
  /** A float input holds a NaN or an infinity. */
  | "ATTN5213"
  /** No such selection, or none that can be given back. */
  | "ATTN5214"
  /** A selection has another shape than the call's. */
  | "ATTN5215"
  /** A unit, or a bit, that a selection does not have. */
  | "ATTN5216"
  /** A selection that must be given back in this launch, or must not. */
  | "ATTN5217"
  /** Selections that do not fit, even in parts. */
  | "ATTN5218"
  /** A bound on the memory of selections that is none. */
  | "ATTN5219"
  /** An order of tokens that is no permutation. */
  | "ATTN5220"
  /** A selection that its queries guard is given back without them, or they without it. */
  | "ATTN5225"
  /** An lse is asked of an output that has none. */
  | "ATTN5230"
  /** Parts of an attention that cannot be merged. */
  | "ATTN5231"
  /** The CUDA driver, or the package that calls it, cannot be loaded. */
  | "ATTN5301"
  /** The CUDA driver offers no device, or not this one. */
  | "ATTN5302"
  /** A call of the CUDA driver failed. */
  | "ATTN5303"
  /** There is no compiler for CUDA kernels. */
  | "ATTN5304"
  /** A CUDA kernel does not compile. */
  | "ATTN5305"
  /** No CUDA kernel of the module runs on this device. */
  | "ATTN5306"
  /** A pointer to the device's memory cannot be used. */
  | "ATTN5307";

/** What an {@link AttnError} says, piece by piece. */
export interface AttnErrorParts {
  /** The argument it is about: `q`, `call.layer`, `inputs.doc`. */
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  /** What to do about it. */
  readonly remedy: string;
  readonly cause?: unknown;
}

/** A mistake that the caller or the machine can mend, with the place, what was expected and what was found. */
export class AttnError extends Error {
  readonly code: AttnErrorCode;
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;

  constructor(code: AttnErrorCode, parts: AttnErrorParts) {
    super(
      `${code}: ${parts.field}: expected ${parts.expected}, found ${parts.found}. ${parts.remedy}`,
      parts.cause === undefined ? undefined : { cause: parts.cause },
    );
    this.name = "AttnError";
    this.code = code;
    this.field = parts.field;
    this.expected = parts.expected;
    this.found = parts.found;
    this.remedy = parts.remedy;
  }
}
