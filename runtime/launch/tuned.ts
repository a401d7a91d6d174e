import type { ResolvedShape } from "./call.js";
import { AttnError } from "./errors.js";
import type { AttentionModule } from "./module.js";

/**
 * Where the kernels that won are remembered from one start of the app to the next: a `Map`, the
 * browser's `localStorage`, or anything with `get` and `set`, which may be asynchronous.
 */
export type TunedStorage =
  | {
      get(key: string): string | null | undefined | Promise<string | null | undefined>;
      set(key: string, value: string): unknown;
    }
  | { getItem(key: string): string | null; setItem(key: string, value: string): void };

/** Winners of this run of the program. */
const REMEMBERED = new WeakMap<GPUDevice, Map<string, string>>();

/** Two 32-bit FNV-1a hashes of different starts, in hexadecimal. Against accidents, not against attackers. */
function textHash(texts: readonly string[]): string {
  let a = 0x811c9dc5;
  let b = 0x2545f491;
  for (const text of texts) {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit, 0x01000193);
    }
    // An end that no text contains: "ab", "c" is not "a", "bc".
    a = Math.imul(a ^ 0x10000, 0x01000193);
    b = Math.imul(b ^ 0x10000, 0x01000193);
  }
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/** The part of a key that says what was measured: the module by its name and the texts of all its kernels for these dims. */
export function tunedModuleKey(module: AttentionModule, shape: Pick<ResolvedShape, "headDim" | "valueDim">): string {
  const kernels = module.variants.filter((v) => v.headDim === shape.headDim && v.valueDim === shape.valueDim);
  const hash = textHash(kernels.map((v) => JSON.stringify(v)));
  return `attnc tuned ${module.name} ${module.dtype} ${shape.headDim}x${shape.valueDim} ${hash}`;
}

/**
 * The key under which a winner is remembered. It changes with the kernels' texts and the adapter's
 * names: a memory of other kernels, or of another machine, is not found.
 */
export function tunedKey(
  module: AttentionModule,
  shape: Pick<ResolvedShape, "headDim" | "valueDim">,
  adapter: Partial<Pick<GPUAdapterInfo, "vendor" | "architecture" | "device" | "description">> | undefined,
): string {
  const names = [adapter?.vendor, adapter?.architecture, adapter?.device, adapter?.description].map((name) => name ?? "");
  return `${tunedModuleKey(module, shape)} on ${names.join("/")}`;
}

function storageFailure(what: string, cause: unknown): AttnError {
  return new AttnError("ATTN5109", {
    field: "storage",
    expected: `the memory of tuned kernels to ${what}`,
    found: cause instanceof Error ? cause.message : String(cause),
    remedy: "Leave the storage out: the winner is then remembered for this device while the program runs.",
    cause,
  });
}

function checkStorage(storage: TunedStorage): void {
  const given = storage as unknown as Record<string, unknown> | null;
  const has = (name: string): boolean => typeof given?.[name] === "function";
  if ((has("get") && has("set")) || (has("getItem") && has("setItem"))) return;
  throw new AttnError("ATTN5212", {
    field: "storage",
    expected: "an object with `get` and `set`, such as a Map, or with `getItem` and `setItem`, such as localStorage",
    found: given === null ? "null" : typeof given,
    remedy: "Leave it out to remember the winner only while the program runs.",
  });
}

/**
 * The name of the kernel that won on this device, from this run of the program or else from `storage`;
 * undefined where nothing is remembered. It may name a kernel that the device cannot run today.
 * Rejects with ATTN5109 and ATTN5212.
 */
export async function recallTuned(
  device: GPUDevice,
  module: AttentionModule,
  shape: ResolvedShape,
  storage?: TunedStorage,
): Promise<string | undefined> {
  if (storage !== undefined) checkStorage(storage);
  const own = REMEMBERED.get(device);
  // Most programs never tune: then no text is hashed.
  if (own === undefined && storage === undefined) return undefined;
  const key = tunedKey(module, shape, device.adapterInfo);
  const found = own?.get(key);
  if (found !== undefined || storage === undefined) return found;
  try {
    return (await ("get" in storage ? storage.get(key) : storage.getItem(key))) ?? undefined;
  } catch (cause) {
    throw storageFailure("be read", cause);
  }
}

/** Remembers a winner for this device, and in `storage`. Rejects with ATTN5109 and ATTN5212. */
export async function rememberTuned(
  device: GPUDevice,
  module: AttentionModule,
  shape: ResolvedShape,
  variant: string,
  storage?: TunedStorage,
): Promise<void> {
  const key = tunedKey(module, shape, device.adapterInfo);
  let own = REMEMBERED.get(device);
  if (own === undefined) REMEMBERED.set(device, (own = new Map()));
  own.set(key, variant);
  if (storage === undefined) return;
  checkStorage(storage);
  try {
    await ("set" in storage ? storage.set(key, variant) : storage.setItem(key, variant));
  } catch (cause) {
    throw storageFailure("be written", cause);
  }
}
