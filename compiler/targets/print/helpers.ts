/** A function of the generated text that expressions may call. */
export interface Helper {
  readonly name: string;
  readonly text: string;
}

/** The texts of the helpers that a text calls, and of those that they call, each once and in the given order. */
export function usedHelpers(all: readonly Helper[], text: string): readonly string[] {
  const used = new Set<string>();
  const collect = (source: string): void => {
    for (const helper of all) {
      if (!used.has(helper.name) && source.includes(`${helper.name}(`)) {
        used.add(helper.name);
        collect(helper.text);
      }
    }
  };
  collect(text);
  const texts = new Map(all.map((helper) => [helper.name, helper.text]));
  return [...texts].filter(([name]) => used.has(name)).map(([, helper]) => helper);
}
