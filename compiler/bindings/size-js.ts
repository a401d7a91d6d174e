import type { Int } from "../select/ir.js";

const ENV = "env";

/** The function by which the launcher computes the sizes of selections from a `SizeEnv`. */
export function printSizes(sizes: readonly Int[]): string {
  const parameter = sizes.some(readsShape) ? ENV : "";
  return `(${parameter}) => [${sizes.map(printSize).join(", ")}]`;
}

function readsShape(size: Int): boolean {
  return size.kind === "shape" || ("a" in size && (readsShape(size.a) || readsShape(size.b)));
}

/** A number that the lengths and heads of a launch decide, as JavaScript. Parentheses are lavish: the formatter drops them. */
function printSize(size: Int): string {
  switch (size.kind) {
    case "int":
      return size.value < 0 ? `(${size.value})` : String(size.value);
    case "shape":
      return `${ENV}.${size.name}`;
    case "add":
      return `(${printSize(size.a)} + ${printSize(size.b)})`;
    case "sub":
      return `(${printSize(size.a)} - ${printSize(size.b)})`;
    case "mul":
      return `(${printSize(size.a)} * ${printSize(size.b)})`;
    case "div":
      return `Math.floor(${printSize(size.a)} / ${printSize(size.b)})`;
    case "mod":
      return `(${printSize(size.a)} % ${printSize(size.b)})`;
    case "min":
    case "max":
      return `Math.${size.kind}(${printSize(size.a)}, ${printSize(size.b)})`;
    case "name":
    case "mask":
    case "token":
    case "id":
    case "whole":
      throw new Error(`a size of a selection depends on more than the launch: ${size.kind}`);
  }
}
