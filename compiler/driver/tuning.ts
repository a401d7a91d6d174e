import type { MaskModule } from "../mask/ir.js";
import { PROFILES } from "../schedule/profiles.js";
import type { AttentionModule, KernelVariant } from "../../runtime/launch/module.js";
import type { DeviceProfile } from "../../runtime/launch/profile.js";
import { tunedModuleKey } from "../../runtime/launch/tuned.js";
import { kinship } from "../../runtime/launch/variant.js";
import { launchModule } from "./launch.js";

/** The kinds of device whose schedules are worth trying on one: its own first. */
function kindred(profile: DeviceProfile): readonly DeviceProfile[] {
  return PROFILES.filter((each) => kinship(each, profile) > 0).sort((a, b) => kinship(b, profile) - kinship(a, profile));
}

/**
 * An operator with every schedule that may suit a kind of device: what is measured, and what a memory
 * of measurements is about. Its variants are in a fixed order, the device's own best first.
 */
export function tuningModule(module: MaskModule, profile: DeviceProfile, headDims: readonly number[] = []): AttentionModule {
  return launchModule(module, headDims, { profiles: kindred(profile), all: true });
}

/** The name of a remembered winner, by what was measured; undefined where nothing is remembered. */
export type Recall = (moduleKey: string) => string | undefined;

/**
 * A module whose kernels start with the remembered winner of each kind of device and head dim. Unless
 * `keep`, those of its kind that it makes useless are left out: every device that runs them runs the winner.
 */
export function withWinners(
  module: MaskModule,
  compiled: AttentionModule,
  headDims: readonly number[],
  recall: Recall,
  keep = false,
): { readonly module: AttentionModule; readonly winners: readonly KernelVariant[] } {
  const winners: KernelVariant[] = [];
  let { variants } = compiled;
  for (const profile of new Set(compiled.variants.map((variant) => variant.profile))) {
    const measured = tuningModule(module, profile, headDims);
    const first = measured.variants.filter((v, i, all) => all.findIndex((other) => sameDims(v, other)) === i);
    for (const dims of first) {
      const name = recall(tunedModuleKey(measured, dims));
      const found = measured.variants.find((v) => sameDims(v, dims) && v.name === name);
      if (found === undefined) continue;
      // Where its schedule comes from another kind, it stands for this one from here on.
      const winner = { ...found, profile };
      winners.push(winner);
      const useless = (v: KernelVariant): boolean =>
        sameDims(v, winner) && (v.name === winner.name || (!keep && v.profile === profile && outdone(v, winner)));
      variants = [winner, ...variants.filter((v) => !useless(v))];
    }
  }
  return { module: { ...compiled, variants }, winners };
}

const sameDims = (a: KernelVariant, b: KernelVariant): boolean => a.headDim === b.headDim && a.valueDim === b.valueDim;

const outdone = (v: KernelVariant, winner: KernelVariant): boolean => winner.features.every((feature) => v.features.includes(feature));
