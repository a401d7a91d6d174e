import { AttnError } from "../launch/errors.js";
import type { CudaDevice, DevicePointer } from "./device.js";

/** An address in the device's memory, and where it is a part of an allocation also how many bytes it has. */
export type DeviceRef = DevicePointer | { readonly pointer: DevicePointer; readonly bytes?: number | undefined };

/** Memory that a launch reads or writes. */
export interface DeviceRange {
  readonly pointer: DevicePointer;
  readonly bytes: number;
}

/** Vector loads and bulk copies take 16 bytes at a time. */
export const TENSOR_ALIGNMENT = 16;

const hexadecimal = (pointer: bigint): string => `0x${pointer.toString(16)}`;

function isPointer(value: unknown): value is DevicePointer {
  return typeof value === "bigint" && value > 0n;
}

/**
 * Checks that `bytes` of memory may be used where a reference points: its alignment, its own size and the end
 * of its allocation. Throws ATTN5208 and ATTN5307.
 */
export function deviceRange(
  field: string,
  ref: DeviceRef | undefined,
  bytes: number,
  alignment: number,
  what: string,
  device: Pick<CudaDevice, "allocationOf">,
): DeviceRange {
  const { pointer, bytes: own } = (typeof ref === "object" && ref !== null ? ref : { pointer: ref }) as {
    pointer: unknown;
    bytes?: number;
  };
  const wrong = (expected: string, found: string, remedy: string): AttnError =>
    new AttnError("ATTN5307", { field, expected, found, remedy });
  if (!isPointer(pointer)) {
    throw wrong(
      "the address of device memory, as a bigint, or { pointer, bytes }",
      pointer === 0n ? "0n" : ref === undefined ? "nothing" : ArrayBuffer.isView(ref) ? "an array" : typeof pointer,
      "Pass device pointers to `launch`, or arrays to `run`.",
    );
  }
  if (pointer % BigInt(alignment) !== 0n) {
    throw wrong(`an address at a multiple of ${alignment} bytes`, hexadecimal(pointer), "Place the tensor at an aligned offset.");
  }
  const allocation = device.allocationOf(pointer);
  if (allocation === undefined) {
    throw wrong("memory that the CUDA driver knows", hexadecimal(pointer), "Pass memory of this device that has not been freed.");
  }
  const left = Number(allocation.start + BigInt(allocation.bytes) - pointer);
  const has = Math.min(left, own ?? left);
  if (has < bytes) {
    throw new AttnError("ATTN5208", {
      field,
      expected: `${what}: at least ${bytes} bytes`,
      found: `${has} bytes`,
      remedy: "Make the memory larger, or check heads, dimensions and lengths of the call.",
    });
  }
  return { pointer, bytes };
}

/** Checks that what the kernel writes overlaps nothing else that it reads or writes. Throws ATTN5307. */
export function checkOverlap(ranges: Readonly<Record<string, DeviceRange>>, written: readonly string[]): void {
  for (const out of written) {
    const a = ranges[out];
    if (a === undefined) continue;
    for (const [name, b] of Object.entries(ranges)) {
      if (name === out || a.pointer >= b.pointer + BigInt(b.bytes) || b.pointer >= a.pointer + BigInt(a.bytes)) continue;
      throw new AttnError("ATTN5307", {
        field: out,
        expected: "memory of its own, as the kernel writes it",
        found: `memory that \`${name}\` uses too`,
        remedy: "Pass other memory, or a part that does not overlap.",
      });
    }
  }
}
