import type { Statements } from "./kernel-dialect.js";

/** Lines of a kernel's body, indented by the blocks they stand in. */
export class StatementText implements Statements {
  private readonly lines: string[] = [];
  private depth = 1;

  line(text: string): void {
    for (const row of text.split("\n")) this.lines.push(row === "" ? "" : this.indent() + row);
  }

  block(head: string, body: () => void): void {
    this.line(head === "" ? "{" : `${head} {`);
    this.depth++;
    body();
    this.depth--;
    this.line("}");
  }

  /** A place to which lines can be added later, at the present indentation. */
  mark(): (later: readonly string[]) => void {
    const at = this.lines.length;
    const indent = this.indent();
    return (later) => void this.lines.splice(at, 0, ...later.map((row) => (row === "" ? "" : indent + row)));
  }

  toString(): string {
    return this.lines.join("\n");
  }

  private indent(): string {
    return "  ".repeat(this.depth);
  }
}
