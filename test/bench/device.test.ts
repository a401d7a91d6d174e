import { expect } from "vitest";
import { openDeno } from "../../bench/device/open-deno.js";
import { failuresOf, PEER_OPERATORS, type Contestant } from "../../bench/measure/contestant.js";
import { loadOperator, ownContestant } from "../../bench/operators.js";
import { denoTest } from "../device/deno.js";

denoTest("attnc and the peer compute the same on one device, each timed in every round", async () => {
  const device = await openDeno("software", () => undefined);
  try {
    const workload = { heads: 2, headDim: 16, length: 96 };
    const shape = { heads: 2, headDim: 16 };
    const [causal, window] = [
      loadOperator("bench/patterns/peer.attn", "causal", { shape }),
      loadOperator("bench/patterns/peer.attn", "window", { shape, params: { window: 20 } }),
    ];
    const contestants = (["kernel", "transfers"] as const).flatMap((mode): Contestant[] => [
      ownContestant(causal, { label: `causal ${mode}`, mode, workload, repeat: 3 }),
      ownContestant(window, { label: `window ${mode}`, mode, workload }),
      ...PEER_OPERATORS.map((operator): Contestant => {
        return { kind: "peer", label: `${operator} ${mode}`, mode, workload, operator, mask: { kind: "causal" } };
      }),
      { kind: "peer", label: `biased ${mode}`, mode, workload, operator: PEER_OPERATORS[2], mask: { kind: "window", window: 20 } },
      { kind: "peer", label: `windowed ${mode}`, mode, workload, operator: PEER_OPERATORS[0], mask: { kind: "window", window: 20 } },
    ]);
    const timings = await device.time({ contestants, runs: 2, seconds: 60 });
    expect(failuresOf(timings)).toEqual([]);
    for (const { times } of timings) expect(times.filter((time) => time > 0)).toHaveLength(2);

    // A contestant that the peer refuses is told by its timing; the next job goes on.
    const refused: Contestant = {
      ...{ kind: "peer", label: "refused", mode: "kernel", workload },
      ...{ operator: "MultiHeadAttention", mask: { kind: "window", window: 20 } },
    };
    const [failed] = await device.time({ contestants: [refused], runs: 1, seconds: 1 });
    expect(failed).toEqual({ label: "refused", times: [], failure: "MultiHeadAttention knows no window" });
  } finally {
    await device.close();
  }
});
