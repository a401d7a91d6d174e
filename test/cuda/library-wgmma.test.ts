import { verifyLibrary } from "./verify-library.js";

verifyLibrary("wgmma, or mma where rows are gathered", "bf16", { turn: 2 });
