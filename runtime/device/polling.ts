/**
 * Dawn for Node waits by asking again at every turn of the event loop: while a pipeline compiles or a
 * kernel runs, that keeps one core busy with nothing. On a software adapter it is a core the kernel wants.
 */

/** Turns of the loop in a row that are let through before waiting begins: short waits stay short. */
const QUICK_TURNS = 64;
/** Two turns further apart than this, in milliseconds, are not in a row. */
const PAUSE = 3;

let installed = false;

/**
 * From now on Dawn's waiting sleeps for a millisecond between its questions once it has asked some times.
 * Results may come that much later: not for programs that time kernels.
 *
 * Dawn schedules its questions by the global `setImmediate` with a function of its own, native code;
 * every other use of `setImmediate` goes through unchanged.
 */
export function sleepWhileWaiting(): void {
  if (installed) return;
  installed = true;
  const immediate = globalThis.setImmediate;
  let turns = 0;
  let last = 0;
  const patient = (callback: (...args: unknown[]) => void, ...args: unknown[]): unknown => {
    if (!Function.prototype.toString.call(callback).includes("[native code]")) return immediate(callback, ...args);
    const now = performance.now();
    turns = now - last < PAUSE ? turns + 1 : 0;
    last = now;
    return turns < QUICK_TURNS ? immediate(callback, ...args) : setTimeout(callback, 1, ...args);
  };
  globalThis.setImmediate = Object.assign(patient, immediate) as unknown as typeof setImmediate;
}
