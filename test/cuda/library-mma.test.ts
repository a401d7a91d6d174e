import { verifyLibrary } from "./verify-library.js";

verifyLibrary("mma", ["--dtype", "f16", "--kernel", "mma-f16"]);
