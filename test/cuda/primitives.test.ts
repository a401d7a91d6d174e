import { describe, expect, test } from "vitest";
import { printPrimitives } from "../../compiler/targets/cuda/primitives/index.js";
import { exercise } from "./exercise.js";
import { nvcc, withoutNvcc } from "./nvcc.js";

describe.skipIf(withoutNvcc)(withoutNvcc ? `primitives under nvcc (skipped: ${withoutNvcc})` : "primitives under nvcc", () => {
  const cases = [
    { architecture: "sm_75", number: 75, only: false },
    { architecture: "sm_80", number: 80, only: false },
    { architecture: "sm_90", number: 90, only: false },
    { architecture: "sm_90a", number: 90, only: true },
    { architecture: "sm_100a", number: 100, only: false },
  ];
  test.each(cases)("all of $architecture compile without a warning and without a spill", ({ architecture, number, only }) => {
    const { ok, log } = nvcc(printPrimitives(["common", "sm80", "sm90"]) + exercise(number, only), architecture);
    expect(ok, log).toBe(true);
    expect(log.match(/\b[1-9]\d* bytes spill/g), log).toBe(null);
  });

  test("a section brings those that it is written with", () => {
    const { ok, log } = nvcc(printPrimitives(["sm90"], [64]), "sm_90a");
    expect(ok, log).toBe(true);
  });
});

test("another file may stand in for all of them", () => {
  const text = printPrimitives(["common"]);
  expect(text.startsWith("#ifdef ATTNC_PRIMITIVES\n#include ATTNC_PRIMITIVES\n#else\n")).toBe(true);
  expect(text.endsWith("#endif\n")).toBe(true);
});
