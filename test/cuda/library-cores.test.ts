import { verifyLibrary } from "./verify-library.js";

verifyLibrary("float32 on CUDA cores", ["--dtype", "f32"]);
