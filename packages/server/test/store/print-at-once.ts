import { writeSync } from "node:fs";

/** What a pause is waited on. */
const NOTHING = new Int32Array(new SharedArrayBuffer(4));

/**
 * Prints a line before it returns, so that what is printed was acknowledged and what is acknowledged is printed, whenever the process is
 * killed. Where the reader is busy and the pipe full, which does not block in every process, it waits.
 */
export function printAtOnce(line: string): void {
  for (let rest = Buffer.from(`${line}\n`); rest.length > 0;) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(NOTHING, 0, 0, 1);
    }
  }
}
