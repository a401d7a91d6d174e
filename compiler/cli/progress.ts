import { say } from "./io.js";

/** Nothing is shown before this many milliseconds have passed. */
const PATIENCE = 1000;

/**
 * Progress on stderr for what takes longer than a second: one line that is rewritten in a terminal,
 * a line every few seconds elsewhere.
 */
export class Progress {
  private readonly start = performance.now();
  private readonly live = process.stderr.isTTY === true;
  private readonly timer: NodeJS.Timeout;
  private last = -Infinity;
  private text: string | undefined;
  private shown: string | undefined;

  constructor() {
    // What is waited for (a kernel that compiles) reports nothing while it runs.
    this.timer = setInterval(() => this.show(), 250);
    this.timer.unref();
  }

  update(text: string): void {
    this.text = text;
    this.show();
  }

  /** Takes the line away, so that something else can be written; further updates bring it back. */
  clear(): void {
    if (this.live && this.shown !== undefined) process.stderr.write("\r\x1b[2K");
    this.shown = undefined;
  }

  done(): void {
    clearInterval(this.timer);
    this.clear();
    this.text = undefined;
  }

  private show(): void {
    const now = performance.now();
    if (this.text === undefined || this.text === this.shown) return;
    if (now - this.start < PATIENCE || now - this.last < (this.live ? 100 : 5000)) return;
    this.last = now;
    this.shown = this.text;
    if (this.live) process.stderr.write(`\r\x1b[2K${this.text.slice(0, (process.stderr.columns || 80) - 1)}`);
    else say(this.text);
  }
}
