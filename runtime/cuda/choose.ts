import type { ResolvedShape } from "../launch/call.js";
import { AttnError } from "../launch/errors.js";
import type { CudaProperties } from "./device.js";
import type { CudaDtype, CudaKernel, CudaModule } from "./module.js";

/** `8.0`, or `9.0 only`: what a kernel runs on. */
const capability = (architecture: number): string => `${Math.floor(architecture / 10)}.${architecture % 10}`;

const runsOn = (kernel: CudaKernel, architecture: number): boolean =>
  kernel.architectureOnly ? kernel.architecture === architecture : kernel.architecture <= architecture;

/** Why a kernel cannot run on a device, or undefined. */
export function obstacle(kernel: CudaKernel, device: CudaProperties): AttnError | undefined {
  if (!runsOn(kernel, device.architecture)) {
    return new AttnError("ATTN5306", {
      field: "device",
      expected: `compute capability ${capability(kernel.architecture)}${kernel.architectureOnly ? " and no other" : " or later"}, for the kernel ${kernel.name}`,
      found: `${capability(device.architecture)} (${device.name})`,
      remedy: "Use another kernel or dtype: f32 kernels ask for the least.",
    });
  }
  if (kernel.sharedBytes > device.sharedBytes) {
    return new AttnError("ATTN5306", {
      field: "device",
      expected: `${kernel.sharedBytes} bytes of shared memory for a block, for the kernel ${kernel.name}`,
      found: `${device.sharedBytes} (${device.name})`,
      remedy: "Use another kernel or dtype, or smaller dims.",
    });
  }
  return undefined;
}

const listed = (items: readonly string[]): string => [...new Set(items)].join(", ");

/** What kernels are chosen from, and for which dims. */
type Choice = Pick<CudaModule, "name"> & { readonly cuda: Pick<CudaModule["cuda"], "kernels"> };
type Dims = Pick<ResolvedShape, "headDim" | "valueDim">;

/** The kernels for these dims and this dtype. Throws ATTN5103. */
function fittingKernels({ name, cuda: { kernels } }: Choice, shape: Dims, dtype: CudaDtype): readonly CudaKernel[] {
  const ofDtype = kernels.filter((kernel) => kernel.dtype === dtype);
  const fitting = ofDtype.filter((kernel) => kernel.headDim === shape.headDim && kernel.valueDim === shape.valueDim);
  if (fitting.length > 0) return fitting;
  if (ofDtype.length === 0) {
    throw new AttnError("ATTN5103", {
      field: "dtype",
      expected: `one of ${listed(kernels.map((kernel) => kernel.dtype))}: ${name} was compiled for ${kernels.length === 1 ? "that" : "those"}`,
      found: dtype,
      remedy: "Compile with --dtype, or with `shape` in the declaration.",
    });
  }
  throw new AttnError("ATTN5103", {
    field: "headDim",
    expected: `headDim/valueDim ${listed(ofDtype.map((kernel) => `${kernel.headDim}/${kernel.valueDim}`))}: what ${name} was compiled for`,
    found: `${shape.headDim}/${shape.valueDim}`,
    remedy: "Compile with --head-dim and --value-dim, or with `shape` in the declaration.",
  });
}

/**
 * Chooses a kernel: of those for these dims and this dtype the first that the device can run, as a module
 * lists the best first; or the one called `name`. Throws ATTN5103 and ATTN5306.
 */
export function chooseKernel(module: Choice, shape: Dims, dtype: CudaDtype, device: CudaProperties, name?: string): CudaKernel {
  const fitting = fittingKernels(module, shape, dtype);
  const named = name === undefined ? fitting : fitting.filter((kernel) => kernel.name === name);
  if (named.length === 0) {
    throw new AttnError("ATTN5103", {
      field: "kernel",
      expected: `one of ${listed(fitting.map((kernel) => kernel.name))}`,
      found: String(name),
      remedy: "Leave `kernel` out to have it chosen.",
    });
  }
  const usable = named.find((kernel) => obstacle(kernel, device) === undefined);
  if (usable !== undefined) return usable;
  // The one that asks for the least says best what is missing.
  throw obstacle(
    named.reduce((least, kernel) => (kernel.architecture < least.architecture ? kernel : least)),
    device,
  )!;
}

/**
 * The kernel whose tiles key order has beside a chosen one: that one, or else the best that the device can run and that rounds
 * as it does. Undefined where the module has none.
 */
export function keyOrderKernel(module: Choice, shape: Dims, chosen: CudaKernel, device: CudaProperties): CudaKernel | undefined {
  const able = [chosen, ...fittingKernels(module, shape, chosen.dtype)];
  return able.find((each) => each.keyOrder !== undefined && each.weights === chosen.weights && obstacle(each, device) === undefined);
}

/** Whether a module's source is to be compiled for exactly this architecture, as kernels that use only its features need. */
export const needsArchitectureOnly = ({ cuda }: CudaModule, device: CudaProperties): boolean =>
  cuda.kernels.some((kernel) => kernel.architectureOnly && kernel.architecture === device.architecture);
