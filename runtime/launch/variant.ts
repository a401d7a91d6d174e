import type { ResolvedShape } from "./call.js";
import { AttnError } from "./errors.js";
import type { AttentionModule, KernelVariant, MatrixProduct } from "./module.js";
import type { DeviceProfile } from "./profile.js";

/** Bindings that every kernel has as storage: q, k, v, aux, out, lse. */
const STORAGE_BUFFERS = 6;

/** Limits that a kernel needs besides room for its tensors. */
function kernelLimits(variant: KernelVariant): Record<string, number> {
  return {
    maxStorageBuffersPerShaderStage: STORAGE_BUFFERS,
    maxComputeWorkgroupStorageSize: variant.workgroupBytes,
    maxComputeInvocationsPerWorkgroup: variant.threads,
    maxComputeWorkgroupSizeX: variant.threads,
  };
}

/** What a device, or with `info` an adapter, says that it can. */
type DeviceCapabilities = Pick<GPUDevice, "features" | "limits"> & {
  readonly adapterInfo?: SubgroupInfo;
  readonly info?: SubgroupInfo;
};

/** What Dawn adds to the names of an adapter, for its feature of subgroup matrices. */
interface SubgroupInfo {
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig>;
}

interface SubgroupMatrixConfig {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly componentType: string;
  readonly resultComponentType: string;
}

const productName = ({ m, n, k, component, result }: MatrixProduct): string => `${m}x${n}x${k} from ${component} to ${result}`;

/** Why a device has not the matrix units that a kernel needs, or undefined. */
function matrixObstacle({ name, matrices, threads }: KernelVariant, device: DeviceCapabilities): AttnError | undefined {
  if (matrices === undefined) return undefined;
  const { subgroupMatrixConfigs = [], subgroupMaxSize } = device.adapterInfo ?? device.info ?? {};
  const offered = [...subgroupMatrixConfigs].map(({ M, N, K, componentType, resultComponentType }) =>
    productName({ m: M, n: N, k: K, component: componentType, result: resultComponentType }),
  );
  if (!offered.includes(productName(matrices))) {
    return new AttnError("ATTN5101", {
      field: "device.adapterInfo.subgroupMatrixConfigs",
      expected: `${productName(matrices)}, for the kernel ${name}`,
      found: offered.join(", ") || "none",
      remedy: "Use another kernel: the shapes of matrices are those of the hardware.",
    });
  }
  if (subgroupMaxSize !== undefined && threads % subgroupMaxSize === 0) return undefined;
  return new AttnError("ATTN5102", {
    field: "device.adapterInfo.subgroupMaxSize",
    expected: `a divisor of the ${threads} threads of the kernel ${name}`,
    found: String(subgroupMaxSize),
    remedy: "Use another kernel: subgroups that multiply matrices fill the workgroup.",
  });
}

/** Why a kernel cannot run on a device, or undefined. */
export function obstacle(variant: KernelVariant, device: DeviceCapabilities): AttnError | undefined {
  const missing = variant.features.find((feature) => !device.features.has(feature));
  if (missing !== undefined) {
    return new AttnError("ATTN5101", {
      field: "device.features",
      expected: `"${missing}", for the kernel ${variant.name}`,
      found: [...device.features].join(", ") || "none",
      remedy: "Request the device with `requirements`; where the adapter lacks the feature, use another kernel or dtype.",
    });
  }
  const matrices = matrixObstacle(variant, device);
  if (matrices !== undefined) return matrices;
  for (const [name, least] of Object.entries(kernelLimits(variant))) {
    const limit = device.limits[name as keyof GPUSupportedLimits] as number | undefined;
    if (limit === undefined || limit >= least) continue;
    return new AttnError("ATTN5102", {
      field: `device.limits.${name}`,
      expected: `at least ${least}, for the kernel ${variant.name}`,
      found: String(limit),
      remedy: "Request the device with `requirements`: WebGPU gives the lowest limits unless asked.",
    });
  }
  return undefined;
}

/** The kernels that were compiled for these dims. Throws ATTN5103. */
export function variantsOfShape(module: AttentionModule, shape: ResolvedShape): KernelVariant[] {
  const fitting = module.variants.filter((v) => v.headDim === shape.headDim && v.valueDim === shape.valueDim);
  if (fitting.length > 0) return fitting;
  const compiled = [...new Set(module.variants.map((v) => `${v.headDim}/${v.valueDim}`))];
  throw new AttnError("ATTN5103", {
    field: "headDim",
    expected: `headDim/valueDim ${compiled.join(", ")}: ${module.name} was compiled for ${compiled.length === 1 ? "that" : "those"}`,
    found: `${shape.headDim}/${shape.valueDim}`,
    remedy: "Compile with --head-dim and --value-dim, or with `shape` in the declaration.",
  });
}

/**
 * Chooses a kernel: of those the device can run one made for its profile before others, and of these
 * the first, as a module lists the best first. Throws ATTN5101 to ATTN5103.
 */
export function chooseVariant(
  module: AttentionModule,
  shape: ResolvedShape,
  device: DeviceCapabilities,
  profile: DeviceProfile,
  name?: string,
): KernelVariant {
  const fitting = variantsOfShape(module, shape);
  const named = name === undefined ? fitting : fitting.filter((v) => v.name === name);
  if (named.length === 0) {
    throw new AttnError("ATTN5103", {
      field: "variant",
      expected: `one of ${fitting.map((v) => v.name).join(", ")}`,
      found: String(name),
      remedy: "Leave `variant` out to have it chosen.",
    });
  }
  const usable = named.filter((v) => obstacle(v, device) === undefined);
  if (usable.length === 0) throw obstacle(named.find((v) => v.profile === profile) ?? named[0]!, device)!;
  const rank = (v: KernelVariant): number => kinship(v.profile, profile);
  return usable.reduce((best, v) => (rank(v) > rank(best) ? v : best));
}

/** How well a kernel made for one kind of device suits another. */
export function kinship(made: DeviceProfile, present: DeviceProfile): number {
  if (made === present) return 2;
  return made !== "gpu" && present !== "gpu" ? 1 : 0;
}

/** What to ask an adapter for, in the form that `adapter.requestDevice` takes. */
export interface Requirements {
  readonly requiredFeatures: GPUFeatureName[];
  readonly requiredLimits: Record<string, number>;
}

/**
 * Features and limits to request a device with. With an adapter: all that some kernel of the module
 * can use and the adapter offers, and room for tensors as large as it allows. Without one: the least
 * with which one kernel runs.
 */
export function requirements(
  module: AttentionModule,
  adapter?: Pick<GPUAdapter, "features" | "limits"> & Pick<DeviceCapabilities, "info">,
  shape: Partial<ResolvedShape> = {},
): Requirements {
  const kernels = module.variants.filter(
    (v) => v.headDim === (shape.headDim ?? v.headDim) && v.valueDim === (shape.valueDim ?? v.valueDim),
  );
  if (adapter === undefined) {
    const least = kernels.reduce<KernelVariant | undefined>((a, b) => (a !== undefined && demandOf(a) <= demandOf(b) ? a : b), undefined);
    return { requiredFeatures: [...(least?.features ?? [])], requiredLimits: least === undefined ? {} : kernelLimits(least) };
  }
  const offered = (v: KernelVariant): boolean => obstacle(v, adapter) === undefined;
  const usable = kernels.filter(offered);
  const requiredLimits: Record<string, number> = {
    maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize,
    maxBufferSize: adapter.limits.maxBufferSize,
  };
  for (const [name, least] of usable.flatMap((v) => Object.entries(kernelLimits(v)))) {
    requiredLimits[name] = Math.max(requiredLimits[name] ?? 0, least);
  }
  return { requiredFeatures: [...new Set(usable.flatMap((v) => v.features))], requiredLimits };
}

/** Orders kernels by what they ask of a device: features first. */
function demandOf(variant: KernelVariant): number {
  return variant.features.length * 2 ** 32 + variant.workgroupBytes;
}
