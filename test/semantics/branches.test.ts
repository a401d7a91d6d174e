import { expect, test } from "vitest";
import { hasLse, mergedBranches } from "../../compiler/mask/branched.js";
import { headEvaluator } from "../../compiler/mask/evaluate.js";
import { printBool } from "../../compiler/mask/print.js";
import { verifyMask } from "../../compiler/mask/verify.js";
import { ofCall } from "../../compiler/mask/windows.js";
import { compile, problems } from "./compile.js";

const windows = (output: string, clauses = "") => `attention a(w = 64) {
  space  seq causal
  input  g : gate(3)
  ${clauses}
  branch near { attend q - k < w }
  branch far { attend q - k >= w & k % 4 == 0 }
  output ${output}
}
`;

const branchedOf = (text: string, settings = {}) => {
  const { branched, modules, diagnostics } = compile(text, { settings });
  expect(diagnostics).toEqual([]);
  expect(modules).toEqual([]);
  expect(branched.length).toBe(1);
  return branched[0]!;
};

test("branches become attentions of their own, in the order of the output", () => {
  const mask = branchedOf(windows("g[0] * far + g[1] * near"));
  expect(mask.branches.map(({ module }) => module.name)).toEqual(["a.far", "a.near"]);
  expect(mask.branches.map(({ module }) => printBool(module.mask))).toEqual(["k <= q & 64 <= q - k & k % 4 == 0", "k <= q & q - k < 64"]);
  expect(mask.gates).toEqual([{ name: "g", count: 3 }]);
  expect(hasLse(mask.mix)).toBe(false);
});

test("a merge is one of more than two branches too, and keeps its lse", () => {
  const mask = branchedOf(`attention a {
  space  seq causal
  branch sinks { attend k < 4 & q - k >= 64 }
  branch near { attend q - k < 64 }
  branch far { attend q - k >= 64 & k >= 4 & k % 8 == 0 }
  output merge(merge(sinks, far), near)
  emit   lse
}`);
  expect(mask.mix).toEqual({ kind: "merge", branches: [0, 1, 2] });
  expect(mergedBranches(mask.mix)).toEqual([0, 1, 2]);
  expect(mask.emitLse).toBe(true);
});

test("settings change all branches", () => {
  const mask = branchedOf(windows("g[0] * near + far"), { params: { w: 7 }, shape: { heads: 2 } });
  expect(printBool(mask.branches[0]!.module.mask)).toBe("k <= q & q - k < 7");
  expect(mask.branches.map(({ module }) => module.shape.heads)).toEqual([2, 2]);
});

test("a branch has those inputs and parameters that its mask reads", () => {
  const mask = branchedOf(`attention a(w: runtime = 64, unread: runtime = 1) {
  space  seq causal
  input  doc : ids
  input  map : bits(q, k)
  branch near { attend q - k < w & (doc[q] == doc[k] | k < unread) }
  branch far { attend q - k >= w & map }
  output merge(near, far)
}`);
  expect(mask.branches.map(({ module }) => module.inputs.map(({ name }) => name))).toEqual([["doc"], ["map"]]);
  expect(mask.branches.map(({ module }) => module.params.map(({ name }) => name))).toEqual([["w", "unread"], ["w"]]);
  expect(mask.inputs.map(({ name }) => name)).toEqual(["doc", "map"]);
});

test("factors are numbers, gates and functions of them", () => {
  const { mix } = branchedOf(windows("(1 - sigmoid(g[0])) * near + g[1] * far / w"));
  expect(mix).toMatchObject({
    kind: "add",
    a: { kind: "scale", factor: { kind: "sub", b: { kind: "sigmoid", a: { kind: "gate", input: "g", index: 0 } } }, of: { branch: 0 } },
    b: { kind: "scale", factor: { kind: "div", b: { kind: "number", value: 64 } }, of: { kind: "scale", of: { branch: 1 } } },
  });
});

test("one attention may be gated, and is called o", () => {
  const mask = branchedOf("attention a { space seq causal; input g : gate(1); attend q - k < 8; output sigmoid(g[0]) * o }");
  expect(mask.branches.map(({ name, module }) => [name, module.name])).toEqual([["o", "a.o"]]);
});

test("an output that is one branch is a plain attention", () => {
  const { modules, branched, diagnostics } = compile("attention a { space seq causal; branch near { attend q - k < 8 }; output near }");
  expect(diagnostics).toEqual([]);
  expect(branched).toEqual([]);
  expect(modules.map(({ name, mask }) => `${name}: ${printBool(mask)}`)).toEqual(["a: k <= q & q - k < 8"]);
});

test("a branch that no output names is warned of", () => {
  expect(problems("attention a { space seq causal; branch near { attend q - k < 8 }; branch far { attend k < 4 }; output near }")).toEqual([
    'ATTN2004 1:74 "far"',
  ]);
});

test("branches stand in attentions only, and are no mask terms", () => {
  expect(problems("pattern p { branch near { attend q - k < 8 }; output near }")).toContain(
    'ATTN2208 1:13 "branch near { attend q - k < 8 }"',
  );
  const text = "attention a { space seq causal; branch near { attend all }; branch far { attend near }; output merge(near, far) }";
  expect(problems(text)[0]).toBe('ATTN2110 1:81 "near"');
});

test("branches over other tensors have no pair in common with those over the call's keys", () => {
  const mask = branchedOf(`attention a {
  space  seq causal
  input  ck, cv : pooled(32, 16)
  branch coarse { attend end(k) <= q from ck, cv }
  branch near { attend q - k < 64 }
  output merge(coarse, near)
}`);
  expect(mask.space.causal).toBe(true);
  expect(mask.branches.map(({ from }) => from)).toEqual([{ key: "ck", value: "cv" }, undefined]);
  // Two over the same tensors must not overlap.
  const same = (second: string) => `attention a {
  space  seq causal
  input  ck, cv : pooled(32, 16)
  branch early { attend end(k) <= q - 64 from ck, cv }
  branch late { attend ${second} from ck, cv }
  output merge(early, late)
}`;
  expect(problems(same("end(k) <= q & end(k) > q - 64"))).toEqual([]);
  expect(problems(same("end(k) <= q"))).toEqual(['ATTN2356 6:10 "merge(early, late)"']);
});

test("the mask of a branch over windows asks where windows start and end", () => {
  const mask = branchedOf(`attention a(n = 6, s = 4) {
  space  seq causal
  input  ck, cv : pooled(n, s)
  attend end(k) <= q & start(k) >= 8 from ck, cv
}`);
  const { module } = mask.branches[0]!;
  expect(module.space).toEqual({ kind: "cross", causal: false, axes: [], segments: [] });
  expect(module.windows).toEqual({ n: 6, stride: 4, tokens: "tokens", space: mask.space });
  const [tokens, NQ] = [30, 12];
  const env = { N: Math.floor((tokens - 6) / 4) + 1, NQ, heads: 1, kvHeads: 1, params: { tokens } };
  const looks = headEvaluator(module, env, 0, 0);
  for (let i = 0; i < NQ; i++) {
    for (let k = 0; k < env.N; k++) expect(looks(i, k)).toBe(4 * k + 5 <= tokens - NQ + i && 4 * k >= 8);
  }
});

test("a branch over windows reads of a selection the block that a window lies in, and N is the number of tokens", () => {
  const [tokens, NQ] = [70, 25];
  for (const [n, s, block, rows] of [
    [4, 4, 12, 8],
    [3, 4, 8, 5],
    [1, 1, 4, 1],
  ] as const) {
    const mask = branchedOf(`attention a {
  space  seq causal
  input  ck, cv : pooled(${n}, ${s})
  select b { unit q: block(${rows}), k: block(${block}); score dot(mean(q), mean(k)); keep top(2); among first(40) }
  attend b & q - start(k) >= 0.1 * N from ck, cv
}`);
    const { module } = mask.branches[0]!;
    expect(verifyMask(module)).toEqual([]);
    // Causality is that of the candidates, among single keys.
    expect(ofCall(module).space).toEqual(mask.space);
    const first = Math.floor((tokens - NQ) / rows);
    const [height, columns] = [Math.floor((tokens - 1) / rows) - first + 1, Math.ceil(tokens / block)];
    const data = Uint8Array.from({ length: height * columns }, (_, i) => Number((i * 7) % 5 < 2));
    const bits = { kind: "bits", batch: 1, heads: 1, rows: height, columns, data } as const;
    const env = { N: Math.floor((tokens - n) / s) + 1, NQ, heads: 1, kvHeads: 1, params: { tokens }, inputs: { b: bits } };
    const looks = headEvaluator(module, env, 0, 0);
    for (let i = 0; i < NQ; i++) {
      const q = tokens - NQ + i;
      for (let w = 0; w < env.N; w++) {
        const bit = data[(Math.floor(q / rows) - first) * columns + Math.floor((w * s) / block)] === 1;
        expect(looks(i, w)).toBe(bit && q - w * s >= 7);
      }
    }
  }
});

test("the parameter for the number of tokens takes a name that is free", () => {
  const mask = branchedOf(`attention a(tokens: runtime = 4) {
  space  seq causal
  input  ck, cv : pooled(6, 4)
  attend end(k) <= q - tokens from ck, cv
}`);
  expect(mask.branches[0]!.module.params.map(({ name }) => name)).toEqual(["tokens", "tokens2"]);
});

test("rows need be full in one branch only, where the declaration asks for proof", () => {
  const text = (far: string) => `attention a {
  space  seq causal
  input  g : gate(2)
  branch near { attend q - k < 64 }
  branch far { attend ${far} }
  output g[0] * near + g[1] * far
  require rows nonempty
}`;
  expect(problems(text("q - k >= 64"))).toEqual([]);
});

test("levels of a selection have no unit in common, whatever their rules are", () => {
  const text = (far: string): string => `attention a {
  space  seq full
  select lv {
    unit  q: block(64), k: block(64)
    score dot(mean(q), mean(k))
    keep  levels(1: top_p(0.4), 2: fraction(0.5), 4: top(3))
  }
  branch fine { attend lv.level(1) | lv.level(2) & k % 2 == 0 }
  branch coarse { attend ${far} & k % 4 == 0 }
  output merge(fine, coarse)
}`;
  expect(problems(text("lv.level(4)"))).toEqual([]);
  expect(problems(text("lv"))).toEqual(['ATTN2356 10:10 "merge(fine, coarse)"']);
});

test("the number before a branch of a merge is how many keys one of its keys stands for", () => {
  const text = (output: string, input = ""): string => `attention a(w = 64) {
  space  seq causal
  branch near { attend q - k < w }
  branch far { attend q - k >= w & k % 4 == 0 }
  ${input}
  output ${output}
}`;
  expect(branchedOf(text("merge(near, 4 * far)")).mix).toEqual({ kind: "merge", branches: [0, 1], counts: [1, 4] });
  expect(branchedOf(text("merge(near * w, far)"), { params: { w: 2 } }).mix).toMatchObject({ counts: [2, 1] });
  expect(problems(text("merge(near, 0.5 * far)"))).toEqual(['ATTN3001 6:22 "0.5"']);
  expect(problems(text("merge(near, g[0] * far)", "input g : gate(1)"))).toEqual(['ATTN2353 6:22 "g[0] * far"']);
});
