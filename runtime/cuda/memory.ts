import type { CudaDevice, CudaStream, DevicePointer } from "./device.js";

/** Allocations that are freed together. */
export interface Allocations {
  allocate(bytes: number): DevicePointer;
  upload(data: ArrayBufferView): DevicePointer;
  free(): void;
}

export function allocations(device: CudaDevice): Allocations {
  const pointers: DevicePointer[] = [];
  const allocate = (bytes: number): DevicePointer => {
    const pointer = device.allocate(bytes);
    pointers.push(pointer);
    return pointer;
  };
  return {
    allocate,
    upload(data) {
      const pointer = allocate(data.byteLength);
      device.upload(pointer, data);
      return pointer;
    },
    free() {
      for (const pointer of pointers.splice(0)) device.free(pointer);
    },
  };
}

/** Contents kept: more than the layers of a model that launch in turn. */
const KEPT_CONTENTS = 256;

/** Words in the device's memory that never change once there, found again by their content: launches still to run may read them. */
export interface ConstantWords {
  /** The address of `words` (at least one). */
  get(words: Int32Array): DevicePointer;
  free(): void;
}

export function constantWords(device: CudaDevice): ConstantWords {
  const pointers = new Map<string, DevicePointer>();
  return {
    get(words) {
      const key = words.join(",");
      let pointer = pointers.get(key);
      if (pointer === undefined) {
        if (pointers.size >= KEPT_CONTENTS) {
          const [oldest, forgotten] = pointers.entries().next().value!;
          pointers.delete(oldest);
          device.synchronize();
          device.free(forgotten);
        }
        pointer = device.allocate(words.byteLength);
        device.upload(pointer, words);
      } else {
        pointers.delete(key);
      }
      pointers.set(key, pointer);
      return pointer;
    },
    free() {
      for (const pointer of pointers.values()) device.free(pointer);
      pointers.clear();
    },
  };
}

/** Memory that each stream's launches use in turn: launches of one stream follow one another, those of others must not meet them. */
export interface StreamMemory {
  get(stream: CudaStream, bytes: number): DevicePointer;
  free(): void;
}

export function streamMemory(device: CudaDevice): StreamMemory {
  const kept = new Map<CudaStream, { readonly pointer: DevicePointer; readonly bytes: number }>();
  return {
    get(stream, bytes) {
      const found = kept.get(stream);
      if (found !== undefined && found.bytes >= bytes) return found.pointer;
      if (found !== undefined) {
        device.synchronize(stream);
        device.free(found.pointer);
        kept.delete(stream);
      }
      const size = found === undefined ? bytes : 2 * bytes;
      const pointer = device.allocate(size);
      kept.set(stream, { pointer, bytes: size });
      return pointer;
    },
    free() {
      for (const { pointer } of kept.values()) device.free(pointer);
      kept.clear();
    },
  };
}
