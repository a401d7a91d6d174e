import { verifyLibrary } from "./verify-library.js";

verifyLibrary("mma", "f16", { kernel: "mma-f16", turn: 1 });
