import type { Stmt } from "../../program/ir.js";
import type { RowsSchedule } from "../../schedule/schedule.js";
import { columnsPerWord } from "./mask-function.js";
import { component, plus, range, TileOperations } from "./operations.js";
import type { Masking } from "./operations.js";

/**
 * The rows layout: a thread holds its query rows and their outputs in registers and reads every key
 * and value from storage, a few keys at a time. What the tile program does with a tile is done step
 * by step: the softmax is an online one, so the steps add up to the tile.
 */
export class RowsOperations extends TileOperations<RowsSchedule> {
  readonly columnsPerWord = columnsPerWord(this.rows, this.schedule.tileK);
  readonly enables = [];
  readonly builtins = [];
  private hasRowBits = false;
  protected readonly speaksForRow = undefined;

  declarations(): readonly string[] {
    return this.hasRowBits ? [KEYS_BETWEEN] : [];
  }

  /** How many bands make the bits of a row, where some tiles have them; a row's bits are one word. */
  private get rowBits(): number | undefined {
    return this.schedule.tileK <= 32 ? this.bandsSometimes : undefined;
  }

  place(): string {
    return `// The first query row of this thread, within the tile.
let own_row = i32(lane) * ${this.rows};`;
  }

  /**
   * The mask of a whole tile goes into bits, or into the bands of rows, first: devices that run threads as lanes walk through the
   * code of a branch that no thread takes, and this way they do so once a tile and not at every step.
   * A tile has a key, so its end is tested after a step: those devices run a loop's body once more than
   * its test lets through.
   */
  protected eachStep(work: (mask: () => void) => void, masking: Masking): void {
    const { keysPerStep } = this.schedule;
    if (masking.kind !== "never") {
      if (this.bands !== undefined) this.bandsOfTile(masking);
      else if (this.rowBits !== undefined) this.rowBitsOfTile(masking, this.rowBits);
      else this.bitsOfTile(masking);
    }
    this.text.line(`var first_key_of_step = ${this.keys.first};`);
    this.text.block("loop", () => {
      work(() => {
        if (this.bands !== undefined) return this.maskByBands("first_key_of_step", this.bands);
        if (this.rowBits !== undefined) return this.maskByRowBits();
        const perWord = this.columnsPerWord;
        this.text.line(`let key_of_tile = first_key_of_step - ${this.keys.first};`);
        this.text.line(`let looks_0 = looks_bits[key_of_tile / ${perWord}] >> u32(key_of_tile % ${perWord} * ${this.rows});`);
        this.maskByBits();
      });
      this.text.block("continuing", () => {
        this.text.line(`first_key_of_step += ${keysPerStep};`);
        this.text.line(`break if first_key_of_step > ${this.keys.last};`);
      });
    });
  }

  private bitsOfTile(masking: Masking): void {
    const perWord = this.columnsPerWord;
    const words = this.schedule.tileK / perWord;
    this.text.line(`var looks_bits: array<u32, ${words}>;`);
    if (masking.kind === "where") for (let w = 0; w < words; w++) this.text.line(`looks_bits[${w}] = 0xffffffffu;`);
    this.whereMasked(masking, () =>
      this.text.block(`for (var w = 0; w < ${words}; w++)`, () => this.text.line(`looks_bits[w] = ${this.bitsOfPairs()};`)),
    );
  }

  /** The bits of all rows and of the keys of word `w`. */
  private bitsOfPairs(): string {
    return this.keys.looksAt(this.tokens.maskRow("own_row"), `${this.keys.first} + w * ${this.columnsPerWord}`);
  }

  /**
   * A bit for each key of the tile and row, a word for each row. Where the tile has bands a row's bits are those between
   * two ends, whatever the number of keys.
   */
  private rowBitsOfTile(masking: Masking, bands: number): void {
    const { tileK } = this.schedule;
    const perWord = this.columnsPerWord;
    this.hasRowBits = true;
    this.eachRowGroup((r) => this.text.line(`var looks_of_${r} = vec4<u32>(0xffffffffu);`));
    this.whereMasked(masking, () => {
      this.text.line(`var found = array<u32, ${this.rows}>();`);
      this.text.block("if (has_bands(k0, h, kvh, b))", () =>
        this.text.block(`for (var r = 0; r < ${this.rows}; r++)`, () => {
          const between = range(bands, (i) => `keys_between(${this.bandOf(i, " + r")} - k0)`);
          this.text.line(`found[r] = ${between.join(" | ")};`);
        }),
      );
      this.text.block("else", () =>
        this.text.block(`for (var w = 0; w < ${tileK / perWord}; w++)`, () => {
          this.text.line(`let bits = ${this.bitsOfPairs()};`);
          this.text.block(`for (var i = 0; i < ${this.rows * perWord}; i++)`, () => {
            this.text.line(`let r = i % ${this.rows};`);
            this.text.line(`found[r] |= ((bits >> u32(i)) & 1u) << u32(w * ${perWord} + i / ${this.rows});`);
          });
        }),
      );
      this.eachRowGroup((r) => this.text.line(`looks_of_${r} = vec4<u32>(${range(4, (j) => `found[${r * 4 + j}]`).join(", ")});`));
    });
  }

  private maskByRowBits(): void {
    for (let c = 0; c < this.columns; c++) {
      this.text.line(`let at_${c} = vec4<u32>(u32(first_key_of_step${plus(c)} - ${this.keys.first}));`);
      this.eachRowGroup((r) => {
        const looks = `((looks_of_${r} >> at_${c}) & vec4<u32>(1u)) != vec4<u32>(0u)`;
        this.text.line(`s_${c}_${r} = select(vec4<f32>(MASKED), s_${c}_${r}, ${looks});`);
      });
    }
  }

  /** In a tile that is not masked all keys are within. */
  private bandsOfTile(masking: Masking): void {
    for (let i = 0; i < this.bands!; i++) {
      this.eachRowGroup((r) => {
        this.text.line(`var low_${i}_${r} = vec4<i32>(0);`);
        this.text.line(`var high_${i}_${r} = vec4<i32>(u.keys);`);
      });
    }
    this.whereMasked(masking, () => this.findBands("", this.bands!));
  }

  protected load(stmt: Extract<Stmt, { op: "load" }>): void {
    if (stmt.to === "Q") return this.loadQuery();
    if (stmt.to === "K") {
      for (let c = 0; c < this.columns; c++) {
        // A step may reach past the last key; the mask knows.
        this.text.line(`let key_${c} = key_base + ${(this.allKeys ? this.keys.key : this.keys.heldKey)(`first_key_of_step${plus(c)}`)};`);
      }
    }
  }

  private loadQuery(): void {
    const vectors = this.shape.headDim / 4;
    this.text.line("");
    for (let row = 0; row < this.rows; row++) {
      this.text.line(`let query_${row} = (query_base + ${this.tokens.heldQuery(`first_row + own_row${plus(row)}`)}) * ${vectors};`);
      for (let g = 0; g < vectors; g++) {
        this.text.line(`let q_${row}_${g} = ${this.storage.load(`query[query_${row}${plus(g)}]`)} * u.scale;`);
      }
    }
  }

  protected dot(): void {
    const vectors = this.shape.headDim / 4;
    this.eachScore((c, r) => this.text.line(`var s_${c}_${r} = vec4<f32>(0.0);`));
    for (let c = 0; c < this.columns; c++) {
      for (let g = 0; g < vectors; g++) {
        this.text.line(`let k_${c}_${g} = ${this.storage.load(`key[key_${c} * ${vectors}${plus(g)}]`)};`);
        this.eachRowGroup((r) => {
          const products = range(4, (i) => `dot(q_${r * 4 + i}_${g}, k_${c}_${g})`).join(", ");
          this.text.line(`s_${c}_${r} += vec4<f32>(${products});`);
        });
      }
    }
  }

  protected rowMax(): void {
    this.ownRowMax();
    this.eachRowGroup((r) => this.text.line(`n_${r} = max(n_${r}, m_${r});`));
  }

  protected accumulate(): void {
    const vectors = this.shape.valueDim / 4;
    for (let g = 0; g < this.groups; g++) {
      for (let c = 0; c < this.columns; c++) {
        this.text.line(`let v_${c}_${g} = ${this.storage.load(`value[key_${c} * ${vectors}${plus(g)}]`)};`);
      }
      for (let row = 0; row < this.rows; row++) {
        const products = range(this.columns, (c) => `s_${c}_${row >> 2}.${component(row)} * v_${c}_${g}`);
        this.text.line(`o_${row}_${g} += ${products.join(" + ")};`);
      }
    }
  }

  protected wholeRowSums(): void {
    // Every thread sees all columns of its rows.
  }

  protected eachStoredGroup(store: (g: number, column: string) => void): void {
    for (let g = 0; g < this.groups; g++) store(g, String(g));
  }
}

/** A bit for each of the first 32 keys of a tile that lie from x on and before y. */
const KEYS_BETWEEN = `fn keys_between(band: vec2<i32>) -> u32 {
  let ends = vec2<u32>(clamp(band, vec2<i32>(0), vec2<i32>(32)));
  let before = select((vec2<u32>(1u) << (ends & vec2<u32>(31u))) - vec2<u32>(1u), vec2<u32>(0xffffffffu), ends == vec2<u32>(32u));
  return before.y & ~before.x;
}
`;
