import { verifyLibrary } from "./verify-library.js";

verifyLibrary("mma", "f16", "mma-f16");
