import type { Stmt } from "../../program/ir.js";
import { queryFloats, sharedFloats, threadsOf } from "../../schedule/schedule.js";
import type { GridSchedule } from "../../schedule/schedule.js";
import { columnsPerWord } from "./mask-function.js";
import { component, plus, range, TileOperations } from "./operations.js";
import type { Masking } from "./operations.js";

/** The grid layout: operands meet in workgroup memory, threads of a row exchange its maximum and its sum. */
export class GridOperations<S extends GridSchedule = GridSchedule> extends TileOperations<S> {
  readonly columnsPerWord = columnsPerWord(this.rows, this.columns);
  private readonly shuffles = this.schedule.exchange === "subgroups";
  readonly enables: readonly string[] = this.shuffles ? ["enable subgroups;"] : [];
  readonly builtins: readonly string[] = this.shuffles
    ? ["  @builtin(subgroup_invocation_id) place_in_subgroup: u32,", "  @builtin(subgroup_size) subgroup_size: u32,"]
    : [];
  protected readonly speaksForRow = "column_thread == 0";

  declarations(): readonly string[] {
    const s = this.schedule;
    return [
      "// [head dim][query / 4], scaled.",
      `var<workgroup> q_tile: array<vec4<f32>, ${queryFloats(s, this.shape) / 4}>;`,
      "// Keys of a chunk as [head dim][key / 4], then probabilities as [key][query / 4].",
      `var<workgroup> kp_tile: array<vec4<f32>, ${sharedFloats(s) / 4}>;`,
      ...this.sharedRows(),
      ...(this.shuffles
        ? [
            "// Threads that do not stand in their subgroup as shuffles want them.",
            "var<workgroup> misplaced: atomic<u32>;",
            "var<workgroup> all_in_place: bool;",
          ]
        : []),
      "",
    ];
  }

  /** What is shared about the rows and the keys of a tile. */
  protected sharedRows(): readonly string[] {
    const s = this.schedule;
    return [
      "// One partial result per column of threads, as [thread column][query / 4].",
      `var<workgroup> partial: array<vec4<f32>, ${(s.columnThreads * s.tileQ) / 4}>;`,
      ...(this.tokens.keepsKeys ? ["// Where the keys of the tile are.", `var<workgroup> key_rows: array<i32, ${s.tileK}>;`] : []),
    ];
  }

  place(): string {
    const { columnThreads } = this.schedule;
    return `let row_thread = i32(lane) / ${columnThreads};
let column_thread = i32(lane) % ${columnThreads};
// The first query row, group of four rows and key column of this thread, within the tile.
let own_row = row_thread * ${this.rows};
let own_group = row_thread * ${this.rows / 4};
let own_column = column_thread * ${this.columns};${this.shuffles ? this.findWhetherToShuffle() : ""}`;
  }

  /** No size of subgroups and no order of threads in them is taken for granted: they decide, all together. */
  private findWhetherToShuffle(): string {
    const { columnThreads } = this.schedule;
    return `
if (lane % subgroup_size != place_in_subgroup || subgroup_size < ${columnThreads}u) {
  atomicAdd(&misplaced, 1u);
}
workgroupBarrier();
if (lane == 0u) {
  all_in_place = atomicLoad(&misplaced) == 0u;
}
let shuffled = workgroupUniformLoad(&all_in_place);`;
  }

  /** Bits for up to 32 scores at a time, in a rolled loop, where the tile is masked. */
  protected eachStep(work: (mask: () => void) => void, masking: Masking): void {
    work(() => {
      this.whereMasked(masking, () => {
        const byBands = (count: number): void => {
          this.findBands("let ", count);
          this.maskByBands("k0 + own_column", count);
        };
        if (this.bands !== undefined) return byBands(this.bands);
        if (this.bandsSometimes === undefined) return this.maskPairByPair();
        this.text.block("if (has_bands(k0, h, kvh, b))", () => byBands(this.bandsSometimes!));
        this.text.block("else", () => this.maskPairByPair());
      });
    });
  }

  private maskPairByPair(): void {
    for (let first = 0, word = 0; first < this.columns; first += this.columnsPerWord, word++) {
      this.text.line(
        `let looks_${word} = ${this.keys.looksAt(this.tokens.maskRow("own_row"), `${this.keys.first} + own_column${plus(first)}`)};`,
      );
    }
    this.maskByBits();
  }

  /** Keys and streamed queries are loaded chunk by chunk by the product; values are read where they are used. */
  protected load(stmt: Extract<Stmt, { op: "load" }>): void {
    if (stmt.to === "K" && this.keys.kept) this.findKeys();
    if (stmt.to !== "Q" || !this.schedule.keepQuery) return;
    this.text.line("");
    this.loadWholeQuery();
  }

  /** The query tile for all key tiles. */
  protected loadWholeQuery(): void {
    this.loadTransposed("Q", "0", this.shape.headDim);
  }

  /** Where the keys of the tile are, once for all threads. */
  private findKeys(): void {
    const { tileK } = this.schedule;
    // Values of the tile before may still be read by it.
    this.text.barrier();
    this.text.block(`for (var i = i32(lane); i < ${tileK}; i += ${threadsOf(this.schedule)})`, () => {
      this.text.line(`key_rows[i] = ${(this.allKeys ? this.keys.key : this.keys.heldKey)(`${this.keys.first} + i`)};`);
    });
  }

  /**
   * Rows of Q or K into workgroup memory as [head dim][row / 4]: each thread reads four rows of four
   * dims, turns the square round in registers and writes four vec4s.
   */
  private loadTransposed(which: "Q" | "K", firstDim: string, dims: number): void {
    const { tileQ, tileK } = this.schedule;
    const vectors = this.shape.headDim / 4;
    const [rows, tile, name, base] = which === "Q" ? [tileQ, "q_tile", "query", "query_base"] : [tileK, "kp_tile", "key", "key_base"];
    const { heldQuery, hasQuery } = this.tokens;
    const { kept, first, count, heldKey, key } = this.keys;
    const held = (j: number): string => {
      if (which === "Q") return heldQuery(`first_row + group * 4${plus(j)}`);
      return kept ? `key_rows[group * 4${plus(j)}]` : (this.allKeys ? key : heldKey)(`${first} + group * 4${plus(j)}`);
    };
    const exists = (j: number): string =>
      which === "Q" ? hasQuery(`first_row + group * 4${plus(j)}`) : `${first} + group * 4${plus(j)} < ${count}`;
    const perRow = dims / 4;
    this.text.block(`for (var i = i32(lane); i < ${(rows / 4) * perRow}; i += ${threadsOf(this.schedule)})`, () => {
      this.text.line(`let group = i / ${perRow};`);
      this.text.line(`let dim = i % ${perRow};`);
      for (let j = 0; j < 4; j++) {
        const at = `(${base} + ${held(j)}) * ${vectors} + ${firstDim === "0" ? "" : `${firstDim} / 4 + `}dim`;
        const read = this.storage.load(`${name}[${at}]`);
        const value = which === "K" && this.allKeys ? read : `select(vec4<f32>(0.0), ${read}, ${exists(j)})`;
        this.text.line(`let x${j} = ${value}${which === "Q" ? " * u.scale" : ""};`);
      }
      for (let d = 0; d < 4; d++) {
        const turned = range(4, (j) => `x${j}.${component(d)}`).join(", ");
        this.text.line(`${tile}[(dim * 4 + ${d}) * ${rows / 4} + group] = vec4<f32>(${turned});`);
      }
    });
  }

  protected dot(): void {
    const { chunk, keepQuery, tileQ, tileK } = this.schedule;
    const { headDim } = this.shape;
    this.eachScore((c, r) => this.text.line(`var s_${c}_${r} = vec4<f32>(0.0);`));
    const step = (firstDim: string): void => {
      this.text.barrier();
      if (!keepQuery) this.loadTransposed("Q", firstDim, chunk);
      this.loadTransposed("K", firstDim, chunk);
      this.text.barrier();
      this.text.block(`for (var d = 0; d < ${chunk}; d++)`, () => {
        const queryDim = keepQuery && firstDim !== "0" ? `(${firstDim} + d)` : "d";
        this.eachRowGroup((r) => this.text.line(`let q_${r} = q_tile[${queryDim} * ${tileQ / 4} + own_group${plus(r)}];`));
        for (let g = 0; g < this.columns / 4; g++) {
          this.text.line(`let k_${g} = kp_tile[d * ${tileK / 4} + own_column / 4${plus(g)}];`);
        }
        this.eachScore((c, r) => this.text.line(`s_${c}_${r} = fma(q_${r}, vec4<f32>(k_${c >> 2}.${component(c)}), s_${c}_${r});`));
      });
    };
    if (chunk === headDim) step("0");
    else this.text.block(`for (var chunk = 0; chunk < ${headDim}; chunk += ${chunk})`, () => step("chunk"));
  }

  protected rowMax(): void {
    this.ownRowMax();
    this.exchanged(
      () => {
        this.eachRowGroup((r) =>
          this.eachPartner((distance) => this.text.line(`n_${r} = max(n_${r}, subgroupShuffleXor(n_${r}, ${distance}u));`)),
        );
        this.eachRowGroup((r) => this.text.line(`n_${r} = max(n_${r}, m_${r});`));
        // The keys have been read by all: probabilities take their place.
        this.text.barrier();
      },
      () => {
        this.eachRowGroup((r) => this.text.line(`${this.partialAt("column_thread", r)} = n_${r};`));
        this.text.barrier();
        this.eachRowGroup((r) => this.text.line(`n_${r} = m_${r};`));
        this.text.block(`for (var i = 0; i < ${this.schedule.columnThreads}; i++)`, () => {
          this.eachRowGroup((r) => this.text.line(`n_${r} = max(n_${r}, ${this.partialAt("i", r)});`));
        });
      },
    );
  }

  /** One of two ways for the threads of a row to exchange numbers; which one is the same for the whole workgroup. */
  private exchanged(byShuffles: () => void, byMemory: () => void): void {
    if (!this.shuffles) return byMemory();
    this.text.block("if (shuffled)", byShuffles);
    this.text.block("else", byMemory);
  }

  /** Distances whose exchanges reach all threads of a row. */
  private eachPartner(visit: (distance: number) => void): void {
    for (let distance = 1; distance < this.schedule.columnThreads; distance *= 2) visit(distance);
  }

  private partialAt(threadColumn: string, r: number): string {
    return `partial[${threadColumn} * ${this.schedule.tileQ / 4} + own_group${plus(r)}]`;
  }

  protected accumulate(): void {
    const { tileQ, tileK, columnThreads } = this.schedule;
    const vectors = this.shape.valueDim / 4;
    this.eachScore((c, r) => this.text.line(`kp_tile[(own_column${plus(c)}) * ${tileQ / 4} + own_group${plus(r)}] = s_${c}_${r};`));
    this.text.barrier();
    if (!this.allKeys) this.text.line(`let keys_here = min(${tileK}, ${this.keys.count} - ${this.keys.first});`);
    this.text.block(`for (var j = 0; j < ${this.allKeys ? tileK : "keys_here"}; j++)`, () => {
      this.eachRowGroup((r) => this.text.line(`let p_${r} = kp_tile[j * ${tileQ / 4} + own_group${plus(r)}];`));
      this.text.line(`let row = (key_base + ${this.keys.kept ? "key_rows[j]" : this.keys.key(`${this.keys.first} + j`)}) * ${vectors};`);
      for (let g = 0; g < this.groups; g++) {
        const column = this.valueColumn(g);
        const held = (g + 1) * columnThreads <= vectors ? column : `min(${column}, ${vectors - 1})`;
        this.text.line(`let v_${g} = ${this.storage.load(`value[row + ${held}]`)};`);
      }
      this.eachOutput((row, g) =>
        this.text.line(`o_${row}_${g} = fma(vec4<f32>(p_${row >> 2}.${component(row)}), v_${g}, o_${row}_${g});`),
      );
    });
  }

  protected valueColumn(g: number): string {
    return g === 0 ? "column_thread" : `column_thread + ${g * this.schedule.columnThreads}`;
  }

  /** Each thread has summed its own columns: the sums of a row meet here, once. */
  protected wholeRowSums(): void {
    this.exchanged(
      () => this.eachRowGroup((r) => this.eachPartner((distance) => this.text.line(`l_${r} += subgroupShuffleXor(l_${r}, ${distance}u);`))),
      () => {
        this.text.barrier();
        this.eachRowGroup((r) => this.text.line(`${this.partialAt("column_thread", r)} = l_${r};`));
        this.text.barrier();
        this.eachRowGroup((r) => this.text.line(`l_${r} = vec4<f32>(0.0);`));
        this.text.block(`for (var i = 0; i < ${this.schedule.columnThreads}; i++)`, () => {
          this.eachRowGroup((r) => this.text.line(`l_${r} += ${this.partialAt("i", r)};`));
        });
      },
    );
  }

  protected eachStoredGroup(store: (g: number, column: string) => void): void {
    const vectors = this.shape.valueDim / 4;
    for (let g = 0; g < this.groups; g++) {
      const column = this.valueColumn(g);
      if ((g + 1) * this.schedule.columnThreads <= vectors) store(g, column);
      else this.text.block(`if (${column} < ${vectors})`, () => store(g, column));
    }
  }
}
