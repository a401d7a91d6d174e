import type { CudaModule } from "../../../runtime/cuda/module.js";
import { fieldName } from "./names.js";

/** The number of the call's keys, as selections and inputs see it: where the keys of a branch are windows, it has it as a parameter. */
export const callKeys = ({ windows }: Pick<CudaModule, "windows">): string =>
  windows === undefined ? "p->keys" : `p->${fieldName(windows.tokens)}`;

/** Whether the call's queries stand among its keys. */
export const callSpace = ({ windows, space }: Pick<CudaModule, "windows" | "space">): "self" | "cross" => windows?.space ?? space;

/** The field of a branch's call that has the keys of the call where its own are windows; none of a declaration is called so. */
export const CALL_KEYS = "_call_k";
