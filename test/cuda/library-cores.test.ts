import { verifyLibrary } from "./verify-library.js";

verifyLibrary("float32 on CUDA cores", "f32", { turn: 0 });
