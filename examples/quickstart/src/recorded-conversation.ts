import { readFileSync } from "node:fs";

/** One line that was said. */
interface RecordedLine {
  readonly speaker: string;
  readonly text: string;
  /** Wall-clock ms. */
  readonly saidAt: number;
}

/** A conversation that real people had, so that the first screen shows one. */
export interface RecordedConversation {
  readonly lines: readonly RecordedLine[];
  readonly speakers: ReadonlySet<string>;
}

/** Reads an IRC log: `[10:45] <nick> text`, the day in its first line. */
export function readRecordedConversation(file: string): RecordedConversation {
  const log = readFileSync(file, "utf8");
  const day = /\d{4}-\d\d-\d\d/.exec(log)?.[0] ?? "";
  const lines = [...log.matchAll(/^\[(\d\d:\d\d)\] <([^>]+)> (.+)$/gm)].map(
    ([, time = "", speaker = "", text = ""]) => ({
      speaker,
      text,
      saidAt: Date.parse(`${day}T${time}:00Z`),
    }),
  );
  return { lines, speakers: new Set(lines.map(({ speaker }) => speaker)) };
}
