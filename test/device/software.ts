import { test, type TestFunction } from "vitest";
import { openDevice, type OpenedDevice } from "../../runtime/device/open.js";

const opened: OpenedDevice | string = await openDevice("software").catch((error: Error) => error.message);

/** The software device of this machine; undefined where {@link softwareTest} skips. */
export const softwareDevice: OpenedDevice | undefined = typeof opened === "string" ? undefined : opened;

/** A test on the software device, skipped where there is none; its name then says why. */
export function softwareTest(name: string, body: (opened: OpenedDevice) => Promise<void>, timeout = 300_000): void {
  if (typeof opened === "string") test.skip(`${name} [skipped: ${opened}]`, () => undefined);
  else test(name, (() => body(opened)) as TestFunction, timeout);
}
