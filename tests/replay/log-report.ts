import { DIFFERENCES, type Difference } from "./compare-entries.js";

/**
 * What can be wrong. Besides the differences of a device's entries: `members` and `names` as devices show them, `live`:
 * what a client told or showed while it ran, `failed`: something that was to happen and did not.
 */
const TROUBLES = [...DIFFERENCES, "members", "names", "live", "failed"] as const;
export type Trouble = Difference | (typeof TROUBLES)[number];

/** What became of one log, or of all together. */
export interface LogReport {
  readonly name: string;
  readonly lines: number;
  readonly messages: number;
  /** Messages and membership entries. */
  readonly entries: number;
  readonly accounts: number;
  readonly devices: number;
  /** Entries that were compared, summed over the devices. */
  readonly compared: number;
  readonly cuts: number;
  readonly kills: number;
  readonly reconnects: number;
  readonly troubles: Readonly<Record<Trouble, number>>;
  /** The sum of the troubles; 0 or the replay has failed. */
  readonly mismatches: number;
  /** Sentences on some of the troubles. */
  readonly examples: readonly string[];
  readonly ignored: number;
  /** From the first entry to the last comparison. */
  readonly seconds: number;
  /** While the log was played. */
  readonly messagesPerSecond: number;
}

/** A count of zero for every trouble. */
export function noTroubles(): Record<Trouble, number> {
  return Object.fromEntries(TROUBLES.map((trouble) => [trouble, 0])) as Record<Trouble, number>;
}

/** One report on all logs. Each kill is met by every log that is being played, so they are not summed. */
export function totalReport(
  reports: readonly LogReport[],
  { kills, seconds }: Pick<LogReport, "kills" | "seconds">,
): LogReport {
  const sum = (figure: (report: LogReport) => number): number =>
    reports.reduce((total, report) => total + figure(report), 0);
  const troubles = noTroubles();
  for (const trouble of TROUBLES) troubles[trouble] = sum((report) => report.troubles[trouble]);
  const messages = sum((report) => report.messages);
  return {
    name: "all",
    lines: sum(({ lines }) => lines),
    messages,
    entries: sum(({ entries }) => entries),
    accounts: sum(({ accounts }) => accounts),
    devices: sum(({ devices }) => devices),
    compared: sum(({ compared }) => compared),
    cuts: sum(({ cuts }) => cuts),
    kills,
    reconnects: sum(({ reconnects }) => reconnects),
    troubles,
    mismatches: sum(({ mismatches }) => mismatches),
    examples: [],
    ignored: sum(({ ignored }) => ignored),
    seconds,
    messagesPerSecond: messages / seconds,
  };
}
