import { propertyKey } from "./names.js";

/** Plain data as a TypeScript literal; properties that are undefined are left out. */
export function dataText(value: unknown): string {
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (Array.isArray(value)) return `[${value.map(dataText).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return objectText(Object.entries(value).map(([key, each]) => [key, each === undefined ? undefined : dataText(each)]));
  return JSON.stringify(value);
}

/** An object literal of properties whose values are texts already; undefined ones are left out. */
export function objectText(properties: readonly (readonly [key: string, text: string | undefined])[]): string {
  return `{ ${properties.flatMap(([key, text]) => (text === undefined ? [] : [`${propertyKey(key)}: ${text}`])).join(", ")} }`;
}

/** A text as a template literal that reads as it is. */
export function templateText(text: string): string {
  return "`" + text.replace(/\\|`|\$\{/g, (found) => `\\${found}`).replace(/\r/g, "\\r") + "`";
}

/** A text that cannot end the comment it stands in, on one line. */
export function commentLine(text: string): string {
  return commentText(text).replace(/\s*[\r\n\u2028\u2029]+\s*/g, " ");
}

/** A text that cannot end the comment it stands in. */
export function commentText(text: string): string {
  return text.replaceAll("*/", "*\\/");
}
