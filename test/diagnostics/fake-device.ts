/**
 * Devices for goldens: they answer like a WebGPU device, compute nothing, and fail in the one way that is asked for, so that
 * messages come out the same on every machine.
 */
export interface FakeOptions {
  readonly limits?: Readonly<Record<string, number>>;
  /** What the shader compiler says. */
  readonly shaderError?: string;
  /** What the error scope of a run ends with. */
  readonly runError?: string;
  readonly lost?: GPUDeviceLostInfo;
  /** What every number of the first, the second … result that is read back is; zeros after that. */
  readonly results?: readonly number[];
  /** The adapter's names. */
  readonly info?: GPUAdapterInfo;
}

const LIMITS = {
  maxBufferSize: 268435456,
  maxStorageBufferBindingSize: 134217728,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupsPerDimension: 65535,
  minStorageBufferOffsetAlignment: 256,
};

export const STORAGE = 0x80;

const MAP_READ = 0x1;

export function fakeBuffer(size: number, usage = STORAGE, value = 0): GPUBuffer {
  const getMappedRange = (): ArrayBuffer => new Float32Array(Math.ceil(size / 4)).fill(value).buffer.slice(0, size);
  return fake({ size, usage, mapAsync: () => Promise.resolve(), getMappedRange });
}

/** An object that has the members given, and answers any other call with another such object. */
function fake<T>(members: object): T {
  return new Proxy(members, {
    get: (target, name) => (name in target ? target[name as keyof object] : name === "then" ? undefined : () => fake({})),
  }) as T;
}

export function fakeDevice({ limits = {}, shaderError, runError, lost, results = [], info }: FakeOptions = {}): GPUDevice {
  const messages = [{ type: "error", lineNum: 2, linePos: 31, message: shaderError }];
  const values = [...results];
  return fake({
    features: new Set(["timestamp-query"]),
    limits: { ...LIMITS, ...limits },
    lost: lost ? Promise.resolve(lost) : new Promise(() => undefined),
    adapterInfo: info ?? { vendor: "", architecture: "", device: "", description: "SwiftShader" },
    createBuffer: ({ size, usage }: GPUBufferDescriptor) => fakeBuffer(size, usage, usage & MAP_READ ? values.shift() : 0),
    createShaderModule: () => ({ getCompilationInfo: () => Promise.resolve({ messages }) }),
    createComputePipelineAsync: () => (shaderError === undefined ? Promise.resolve({}) : Promise.reject(new Error("no pipeline"))),
    pushErrorScope: () => undefined,
    popErrorScope: () => Promise.resolve(runError === undefined ? null : { message: runError }),
    queue: fake({}),
  });
}
