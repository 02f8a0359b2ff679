import { alignSequences } from "./align-sequences.js";
import type { ExpectedEntry } from "./expectation.js";

/** An entry as a device shows it. */
export interface HeldEntry {
  /** Undefined for what the server has not stored. */
  readonly messageId: number | undefined;
  readonly senderId: string;
  readonly kind: string;
  readonly text?: string;
  readonly members?: readonly string[];
}

/** How a device may differ from the log. */
export const DIFFERENCES = [
  "missing",
  "duplicate",
  "misordered",
  "foreign",
  "altered",
  "misnumbered",
] as const;

/**
 * `missing`: not there. `duplicate`: there more often than in the log. `misordered`: there, at another place.
 * `foreign`: from outside the account's intervals. `altered`: in the log with another text, sender or kind, or not at all.
 * `misnumbered`: right, under another messageId.
 */
export type Difference = (typeof DIFFERENCES)[number];

/** One difference, for a person to read. */
export interface Finding {
  readonly difference: Difference;
  readonly detail: string;
}

function isSame(expected: ExpectedEntry, held: HeldEntry): boolean {
  return (
    expected.messageId === held.messageId &&
    expected.senderId === held.senderId &&
    expected.kind === held.kind &&
    expected.text === held.text &&
    expected.members?.length === held.members?.length &&
    (expected.members ?? []).every((member, index) => member === held.members![index])
  );
}

/** All of an entry but its number. */
function contentOf(entry: Omit<ExpectedEntry, "messageId" | "line"> | HeldEntry): string {
  return JSON.stringify([entry.senderId, entry.kind, entry.text ?? null, entry.members ?? null]);
}

function keyOf(messageId: number | undefined, content: string): string {
  return `${messageId ?? "?"} ${content}`;
}

function describe(messageId: number | undefined, content: string): string {
  return `${messageId === undefined ? "unstored" : `#${messageId}`} ${content.slice(0, 160)}`;
}

/**
 * Compares what a device holds with what it must hold. First by number and content; then what is left by its content
 * alone, so that one entry too many is one difference, and not one for each that follows.
 * @param visible the entries in the account's intervals
 * @param all every entry of the conversation, to tell what is foreign from what is made up
 */
export function compareEntries(
  visible: readonly ExpectedEntry[],
  held: readonly HeldEntry[],
  all: readonly ExpectedEntry[],
): Finding[] {
  if (visible.length === held.length && visible.every((entry, at) => isSame(entry, held[at]!))) return [];

  const expected = visible.map(contentOf);
  const actual = held.map(contentOf);
  const exact = alignSequences(
    visible.map(({ messageId }, at) => keyOf(messageId, expected[at]!)),
    held.map(({ messageId }, index) => keyOf(messageId, actual[index]!)),
  );
  const findings: Finding[] = [];
  const find = (difference: Difference, index: number, note = ""): void => {
    const detail = describe(held[index]!.messageId, actual[index]!) + note;
    findings.push({ difference, detail });
  };
  const allowed = new Set(visible.map(({ messageId }) => messageId));
  const outside = all.filter(({ messageId }) => !allowed.has(messageId));
  const outsideKeys = new Set(outside.map((entry) => keyOf(entry.messageId, contentOf(entry))));
  const outsideContents = new Set(outside.map(contentOf));
  const seenIds = new Set(exact.pairs.map(([, index]) => held[index]!.messageId));
  const seenContents = new Set(exact.pairs.map(([, index]) => actual[index]!));
  const lost = new Set(exact.missing);

  const strays: number[] = [];
  for (const index of exact.extra) {
    const { messageId } = held[index]!;
    if (messageId !== undefined && seenIds.has(messageId)) find("duplicate", index);
    else if (outsideKeys.has(keyOf(messageId, actual[index]!))) find("foreign", index);
    else strays.push(index);
  }

  const byContent = alignSequences(
    exact.missing.map((at) => expected[at]!),
    strays.map((index) => actual[index]!),
  );
  for (const [lostAt, strayAt] of byContent.pairs) {
    const at = exact.missing[lostAt]!;
    const index = strays[strayAt]!;
    lost.delete(at);
    const { messageId, line } = visible[at]!;
    const isMoved = held[index]!.messageId === messageId;
    find(isMoved ? "misordered" : "misnumbered", index, `, should be #${messageId} (line ${line})`);
    seenContents.add(actual[index]!);
  }
  for (const strayAt of byContent.extra) {
    const index = strays[strayAt]!;
    const { messageId } = held[index]!;
    const content = actual[index]!;
    const elsewhere = [...lost].find((at) => expected[at] === content);
    const sameNumber = [...lost].find((at) => visible[at]!.messageId === messageId);
    if (elsewhere !== undefined) {
      lost.delete(elsewhere);
      find("misordered", index, ` (line ${visible[elsewhere]!.line})`);
    } else if (seenContents.has(content)) {
      find("duplicate", index);
    } else if (sameNumber !== undefined) {
      lost.delete(sameNumber);
      find("altered", index, `, should be ${expected[sameNumber]!}`);
    } else {
      find(outsideContents.has(content) ? "foreign" : "altered", index);
    }
    seenContents.add(content);
  }
  for (const at of lost) {
    const { messageId, line } = visible[at]!;
    const detail = `${describe(messageId, expected[at]!)} (line ${line})`;
    findings.push({ difference: "missing", detail });
  }
  return findings;
}
