import type { RealValue } from "../../mask/selection.js";
import { ceilDiv, int, mul } from "../../select/int.js";
import type { Cond, Int, KeepStage } from "../../select/ir.js";
import { wordsPerRow } from "../../select/places.js";
import { scalarWord } from "../print/names.js";
import type { Sizes } from "../print/select-sizes.js";
import { SelectValues } from "../print/select-values.js";
import { countAll, rowAxis, type CountedAxis } from "../print/take-apart.js";
import { bitWord } from "./select-bits.js";
import { keyFunctions, massFunctions } from "./select-numbers.js";
import { takeApart, wgslKernel } from "./select-text.js";
import type { StageText } from "./select-text.js";
import { KernelText } from "./text.js";

/** How the threads of a workgroup are laid on rows, and bits of a key that one pass of the radix selection settles. */
interface KeepLayout {
  readonly rows: number;
  readonly threads: number;
  readonly digit: number;
}

const SHORT: KeepLayout = { rows: 8, threads: 32, digit: 4 };
const LONG: KeepLayout = { rows: 1, threads: 256, digit: 8 };

/** A unit, as the functions of a stage take it. */
export const UNIT = "b, head, h, kvh, row, column";
const UNIT_PARAMETERS = "b: i32, head: i32, h: i32, kvh: i32, row: i32, column: i32";

/** What a stage asks of a unit: whether it takes part, whether it is forced, and the bits of its score. */
export function keepFunctions(stage: KeepStage, sizes: Sizes): readonly string[] {
  const condition = (name: string, cond: Cond): string => {
    const text = new KernelText();
    text.line(`return ${new SelectValues(wgslKernel, text, sizes, []).cond(cond)};`);
    return `\nfn ${name}(${UNIT_PARAMETERS}) -> bool {\n${text.toString()}\n}`;
  };
  const text = new KernelText();
  text.line(`return bitcast<u32>(${new SelectValues(wgslKernel, text, sizes, [stage.score]).real(stage.score)});`);
  return [
    condition("takes_part", stage.candidate),
    condition("is_forced", stage.forced),
    `\nfn score_bits(${UNIT_PARAMETERS}) -> u32 {\n${text.toString()}\n}`,
  ];
}

/**
 * Exact selection. Scores become words that sort as they do (`key_of`); the words are settled from the highest digit
 * down by histograms in workgroup memory, until the least kept key and the number of its ties that are kept are known.
 * Everything that is counted or added up is an integer: the result is the same on every device and in every order.
 */
export function printKeep(stage: KeepStage, sizes: Sizes): StageText {
  return new KeepPrinter(stage, sizes).print();
}

class KeepPrinter {
  private readonly text = new KernelText();
  private readonly values: SelectValues;
  private readonly layout: KeepLayout;
  private readonly byHead: boolean;
  private readonly byMass: boolean;

  constructor(
    private readonly stage: KeepStage,
    private readonly sizes: Sizes,
  ) {
    this.values = new SelectValues(wgslKernel, this.text, sizes, []);
    this.layout = stage.short ? SHORT : LONG;
    this.byHead = stage.scope === "head";
    this.byMass = stage.rule.kind === "mass";
  }

  print(): StageText {
    const { stage, layout } = this;
    const lines = countAll(stage.to.heads, this.axes());
    const workgroups = ceilDiv(lines, int(layout.rows));
    this.place(lines);
    this.countUnits();
    if (this.byMass) this.countByMass();
    this.budget();
    this.settle();
    this.write();
    const before = [...this.memory(), ...keepFunctions(stage, this.sizes), keyFunctions, ...(this.usesProducts() ? [massFunctions] : [])];
    return { threads: layout.rows * layout.threads, workgroups, before, body: this.text.toString() };
  }

  private axes(): readonly CountedAxis[] {
    return this.byHead ? [] : [rowAxis("own_row", this.stage)];
  }

  private usesProducts(): boolean {
    return this.byMass || this.stage.rule.kind === "fraction";
  }

  private memory(): readonly string[] {
    const { rows, digit, threads } = this.layout;
    const bins = rows << digit;
    return [
      `var<workgroup> counts: array<atomic<u32>, ${bins}>;`,
      ...(this.byMass
        ? [`var<workgroup> masses_low: array<atomic<u32>, ${bins}>;`, `var<workgroup> masses_high: array<atomic<u32>, ${bins}>;`]
        : []),
      `var<workgroup> facts: array<atomic<u32>, ${rows * 8}>;`,
      `var<workgroup> settled: array<u32, ${rows * 4}>;`,
      `var<workgroup> ties: array<u32, ${rows * threads}>;`,
    ];
  }

  /** Which row, or head, a thread works for. */
  private place(lines: Int): void {
    const { text, values, stage, layout } = this;
    const total = values.int(lines);
    text.block(`if (i32(group) * ${layout.rows} >= ${total})`, () => text.line("return;"));
    text.line(`let slot = lane / ${layout.threads};`);
    text.line(`let thread = lane % ${layout.threads};`);
    text.line(`let line = min(i32(group) * ${layout.rows} + slot, ${total} - 1);`);
    text.line(`let exists = i32(group) * ${layout.rows} + slot < ${total};`);
    takeApart(text, values, "line", this.axes(), stage.to.heads);
    if (stage.stays !== undefined) {
      text.line("let row = own_row;");
      text.line(`let stays = ${values.cond(stage.stays)};`);
    }
    const anew = stage.stays === undefined ? "" : " && !stays";
    text.line(`let works = exists${anew} && ${values.cond(stage.when)};`);
    const units = this.byHead ? mul(stage.to.rows, stage.to.columns) : stage.to.columns;
    text.line(`let units = select(0, ${values.int(units)}, works);`);
  }

  /** Statements for each unit that takes part. */
  private eachUnit(body: () => void): void {
    const { text, values, stage, layout } = this;
    text.block(`for (var unit = thread; unit < units; unit += ${layout.threads})`, () => {
      const columns = values.int(stage.to.columns);
      text.line(`let row = ${this.byHead ? `unit / ${columns}` : "own_row"};`);
      text.line(`let column = ${this.byHead ? `unit % ${columns}` : "unit"};`);
      text.block(`if (takes_part(${UNIT}))`, body);
    });
  }

  /** How many units are forced and how many are not, and what the rule needs of them. */
  private countUnits(): void {
    const { text, stage } = this;
    text.block("if (thread < 8)", () => text.line("atomicStore(&facts[slot * 8 + thread], 0u);"));
    text.line("var others = 0u;");
    text.line("var forced = 0u;");
    const threshold = stage.rule.kind === "threshold" ? bitsOf(stage.rule.value) : undefined;
    if (threshold !== undefined) text.line("var enough = 0u;");
    if (this.byMass) text.line("var top = 0u;");
    this.eachUnit(() => {
      text.block(`if (is_forced(${UNIT}))`, () => text.line("forced++;"));
      text.block("else", () => {
        text.line("others++;");
        if (threshold !== undefined) text.line(`enough += select(0u, 1u, reaches(score_bits(${UNIT}), ${threshold}));`);
      });
      if (this.byMass) text.line(`top = max(top, exponent_of(score_bits(${UNIT})));`);
    });
    text.barrier();
    text.line("atomicAdd(&facts[slot * 8], others);");
    text.line("atomicAdd(&facts[slot * 8 + 1], forced);");
    if (threshold !== undefined) text.line("atomicAdd(&facts[slot * 8 + 2], enough);");
    if (this.byMass) text.line("atomicMax(&facts[slot * 8 + 3], top);");
    text.barrier();
    text.line("let all_others = i32(atomicLoad(&facts[slot * 8]));");
    text.line("let all_forced = i32(atomicLoad(&facts[slot * 8 + 1]));");
    // Forced units have their part in a budget unless they are on top of it.
    text.line(`let spent = ${stage.onTop ? "0" : "all_forced"};`);
  }

  /** How many of the others the rule asks for, and how many it gets. */
  private budget(): void {
    const { text, values, stage } = this;
    const { rule, least, most } = stage;
    switch (rule.kind) {
      case "top":
        text.line(`var wanted = ${values.int(rule.n)} - spent;`);
        break;
      case "mass":
        text.line("var wanted = i32(settled[slot * 4 + 1]);");
        break;
      case "threshold":
        text.line("var wanted = i32(atomicLoad(&facts[slot * 8 + 2]));");
        break;
      case "fraction":
        text.line(`var wanted = i32(part_of(vec2<u32>(u32(all_others + spent), 0u), ${bitsOf(rule.value)}).x) - spent;`);
        break;
    }
    if (rule.kind !== "top") {
      if (least !== undefined) text.line(`wanted = max(wanted, ${values.int(least)} - spent);`);
      if (most !== undefined) text.line(`wanted = min(wanted, ${values.int(most)} - spent);`);
    }
    text.line("let kept = u32(clamp(wanted, 0, all_others));");
  }

  /** Empties the bins of a row, then adds the units whose higher digits are those settled so far. */
  private histogram(add: () => void): void {
    const { text, layout } = this;
    const bins = 1 << layout.digit;
    text.barrier();
    text.block(`for (var bin = thread; bin < ${bins}; bin += ${layout.threads})`, () => {
      text.line(`atomicStore(&counts[slot * ${bins} + bin], 0u);`);
      if (this.byMass) {
        text.line(`atomicStore(&masses_low[slot * ${bins} + bin], 0u);`);
        text.line(`atomicStore(&masses_high[slot * ${bins} + bin], 0u);`);
      }
    });
    text.barrier();
    text.line("let prefix = settled[slot * 4];");
    this.eachUnit(() => {
      text.line(`let key = key_of(score_bits(${UNIT}));`);
      text.block(`if (!is_forced(${UNIT}) && (key & known) == prefix)`, () => {
        text.line(`let bin = slot * ${bins} + i32((key >> shift) & ${bins - 1}u);`);
        add();
      });
    });
    text.barrier();
  }

  private eachDigit(body: () => void): void {
    const { text, layout } = this;
    text.block(`for (var round = 0; round < ${32 / layout.digit}; round++)`, () => {
      text.line(`let shift = u32(${32 - layout.digit} - round * ${layout.digit});`);
      text.line(`let known = select(0xffffffffu << (shift + ${layout.digit}u), 0u, round == 0);`);
      body();
    });
  }

  /** The number of others that the smallest prefix with the mass has: into settled[slot * 4 + 1]. */
  private countByMass(): void {
    const { text, stage, layout } = this;
    const bins = 1 << layout.digit;
    text.line("let scale_of_masses = atomicLoad(&facts[slot * 8 + 3]);");
    text.line("var total = vec2<u32>(0u);");
    text.line("var taken = vec2<u32>(0u);");
    this.eachUnit(() => {
      text.line(`let mass = mass_of(score_bits(${UNIT}), scale_of_masses);`);
      text.block(`if (is_forced(${UNIT}))`, () => text.line(stage.onTop ? "" : "taken = add_wide(taken, mass);"));
      text.block("else", () => text.line("total = add_wide(total, mass);"));
    });
    if (!stage.onTop) text.line("total = add_wide(total, taken);");
    for (const [name, at] of [
      ["total", 4],
      ["taken", 6],
    ] as const) {
      text.line(`let old_${name} = atomicAdd(&facts[slot * 8 + ${at}], ${name}.x);`);
      text.line(`atomicAdd(&facts[slot * 8 + ${at + 1}], ${name}.y + select(0u, 1u, old_${name} + ${name}.x < old_${name}));`);
    }
    text.barrier();
    const fact = (at: number): string => `vec2<u32>(atomicLoad(&facts[slot * 8 + ${at}]), atomicLoad(&facts[slot * 8 + ${at + 1}]))`;
    text.line(`let target_mass = part_of(${fact(4)}, ${bitsOf((stage.rule as { value: RealValue }).value)});`);
    text.line(`let taken_mass = ${fact(6)};`);
    text.line("let missing = select(subtract_wide(target_mass, taken_mass), vec2<u32>(0u), at_least_wide(taken_mass, target_mass));");
    text.block("if (thread == 0)", () => {
      text.line("settled[slot * 4] = 0u;");
      text.line("settled[slot * 4 + 1] = 0u;");
      text.line("settled[slot * 4 + 2] = missing.x;");
      text.line("settled[slot * 4 + 3] = missing.y;");
    });
    this.eachDigit(() => {
      this.histogram(() => {
        text.line(`let mass = mass_of(score_bits(${UNIT}), scale_of_masses);`);
        text.line("atomicAdd(&counts[bin], 1u);");
        text.line("let old = atomicAdd(&masses_low[bin], mass.x);");
        text.line("atomicAdd(&masses_high[bin], mass.y + select(0u, 1u, old + mass.x < old));");
      });
      text.block("if (thread == 0)", () => {
        text.line("var above = settled[slot * 4 + 1];");
        text.line("var left = vec2<u32>(settled[slot * 4 + 2], settled[slot * 4 + 3]);");
        text.line(`var digit = ${bins - 1};`);
        text.block("for (; digit > 0; digit--)", () => {
          text.line(`let at = slot * ${bins} + digit;`);
          text.line("let mass = vec2<u32>(atomicLoad(&masses_low[at]), atomicLoad(&masses_high[at]));");
          text.block("if (at_least_wide(mass, left))", () => text.line("break;"));
          text.line("left = subtract_wide(left, mass);");
          text.line("above += atomicLoad(&counts[at]);");
        });
        text.line("settled[slot * 4] = prefix | (u32(digit) << shift);");
        text.line("settled[slot * 4 + 1] = above;");
        text.line("settled[slot * 4 + 2] = left.x;");
        text.line("settled[slot * 4 + 3] = left.y;");
      });
    });
    text.barrier();
    text.block("if (thread == 0)", () => {
      text.line("let left = vec2<u32>(settled[slot * 4 + 2], settled[slot * 4 + 3]);");
      text.line("let each = mass_of(settled[slot * 4] & 0x7fffffffu, scale_of_masses);");
      // Nothing is missing: no other unit is needed.
      text.line(
        "settled[slot * 4 + 1] = select(settled[slot * 4 + 1] + times_needed(each, left, u32(all_others)), 0u, missing.x == 0u && missing.y == 0u);",
      );
    });
    text.barrier();
  }

  /** The least kept key, and how many units with this very key are kept: into settled. */
  private settle(): void {
    const { text, layout } = this;
    const bins = 1 << layout.digit;
    // What the mass left there has been read by all.
    text.barrier();
    text.block("if (thread == 0)", () => {
      text.line("settled[slot * 4] = 0u;");
      text.line("settled[slot * 4 + 1] = kept;");
    });
    this.eachDigit(() => {
      this.histogram(() => text.line("atomicAdd(&counts[bin], 1u);"));
      text.block("if (thread == 0)", () => {
        text.line("var left = settled[slot * 4 + 1];");
        text.line(`var digit = ${bins - 1};`);
        text.block("for (; digit > 0; digit--)", () => {
          text.line(`let count = atomicLoad(&counts[slot * ${bins} + digit]);`);
          text.block("if (count >= left)", () => text.line("break;"));
          text.line("left -= count;");
        });
        text.line("settled[slot * 4] = prefix | (u32(digit) << shift);");
        text.line("settled[slot * 4 + 1] = left;");
      });
    });
    text.barrier();
    text.line("let least_key = select(settled[slot * 4], 0xffffffffu, kept == 0u);");
    text.line("let kept_ties = select(settled[slot * 4 + 1], 0u, kept == 0u);");
  }

  /** The bits, a word a thread; ties in their order. */
  private write(): void {
    const { text, values, stage, layout } = this;
    const words = values.int(wordsPerRow(stage.to));
    const total = this.byHead ? `${words} * ${values.int(stage.to.rows)}` : words;
    text.line("var ties_before = 0u;");
    text.block(`for (var first = 0; first < ${total}; first += ${layout.threads})`, () => {
      text.line("let index = first + thread;");
      text.line(`let row = ${this.byHead ? `index / ${words}` : "own_row"};`);
      text.line(`let word = ${this.byHead ? `index % ${words}` : "index"};`);
      text.line("var found = 0u;");
      text.line("var tied = 0u;");
      text.line(`let end = select(0, min(word * 32 + 32, ${values.int(stage.to.columns)}), works && index < ${total});`);
      text.block("for (var column = word * 32; column < end; column++)", () =>
        text.block(`if (takes_part(${UNIT}))`, () => {
          text.line("let bit = 1u << u32(column & 31);");
          text.block(`if (is_forced(${UNIT}))`, () => text.line("found |= bit;"));
          text.block("else", () => {
            text.line(`let key = key_of(score_bits(${UNIT}));`);
            text.line("found |= select(0u, bit, key > least_key);");
            text.line("tied |= select(0u, bit, key == least_key);");
          });
        }),
      );
      text.line("let own_ties = countOneBits(tied);");
      text.line("ties[lane] = own_ties;");
      text.block(`for (var step = 1; step < ${layout.threads}; step *= 2)`, () => {
        text.barrier();
        text.line("var more = 0u;");
        text.block("if (thread >= step)", () => text.line("more = ties[lane - step];"));
        text.barrier();
        text.line("ties[lane] += more;");
      });
      text.barrier();
      text.line("let before = ties_before + ties[lane] - own_ties;");
      text.line(`ties_before += ties[slot * ${layout.threads} + ${layout.threads - 1}];`);
      text.line("var left = kept_ties - min(kept_ties, before);");
      text.block("while (tied != 0u && left > 0u)", () => {
        text.line("let lowest = tied & (~tied + 1u);");
        text.line("found |= lowest;");
        text.line("tied ^= lowest;");
        text.line("left--;");
      });
      const anew = stage.stays === undefined ? "" : " && !stays";
      text.block(`if (exists${anew} && index < ${total})`, () => text.line(`${bitWord(values, stage.to, "row", "word")} = found;`));
      text.barrier();
    });
  }
}

/** The bits of a float32, known or by head. */
export function bitsOf(value: RealValue): string {
  if (value.kind === "scalar") return `bitcast<u32>(${scalarWord(value.slot)})`;
  return `0x${new Uint32Array(Float32Array.of(value.value).buffer)[0]!.toString(16)}u`;
}
