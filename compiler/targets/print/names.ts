/** Names in the generated text. A prefix keeps what users call things apart from a language's own words. */

const fixed: Readonly<Record<string, string>> = { N: "keys", NQ: "queries", kvHeads: "kv_heads" };

export function uniformName(name: string, prefix?: "param" | "input", field?: string): string {
  if (prefix === "param") return `p_${name}`;
  if (prefix === "input") return `in_${name}_${field}`;
  return fixed[name] ?? name;
}

/** A host scalar of the present head `h`. */
export const scalarWord = (slot: number): string => `scalar_of(h, ${slot})`;
