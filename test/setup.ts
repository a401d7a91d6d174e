import fc from "fast-check";

/**
 * Random tests try the same cases in every run, so that a change is judged by what it changed. `ATTNC_TEST_SEED` takes
 * another seed: a number, or `random` to look for cases that nobody has seen yet.
 */
const given = process.env["ATTNC_TEST_SEED"] ?? "1";
if (given !== "random" && !/^-?\d+$/.test(given)) throw new Error(`ATTNC_TEST_SEED is a whole number or "random", not "${given}"`);
fc.configureGlobal(given === "random" ? {} : { seed: Number(given) });
