import type { LogScript } from "./log-script.js";

/** By user: the names that a device may show once all has been played. */
export type ExpectedNames = Readonly<Record<string, readonly string[]>>;

/**
 * The names that renames leave behind. Users whose nick occurs in several logs are one user; the logs are played side
 * by side, so of one who is renamed in more than one of them nobody can say which name comes last: any of those will do.
 */
export function expectedNames(scripts: readonly Pick<LogScript, "steps">[]): ExpectedNames {
  const inLogs = new Map<string, string[][]>();
  for (const { steps } of scripts) {
    const inLog = new Map<string, string[]>();
    for (const step of steps) {
      if (step.type !== "rename") continue;
      const names = inLog.get(step.account);
      if (names === undefined) inLog.set(step.account, [step.name]);
      else names.push(step.name);
    }
    for (const [account, names] of inLog) inLogs.set(account, [...(inLogs.get(account) ?? []), names]);
  }
  return Object.fromEntries(
    [...inLogs].map(([account, logs]) => [account, logs.length === 1 ? logs[0]!.slice(-1) : logs.flat()]),
  );
}
