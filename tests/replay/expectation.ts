import { LIMITS } from "@chat/protocol";
import type { LogScript } from "./log-script.js";

/** One entry that the conversation's log must hold. */
export interface ExpectedEntry {
  readonly messageId: number;
  readonly senderId: string;
  readonly kind: string;
  readonly text?: string;
  readonly members?: readonly string[];
  /** Line of the log it comes from; 0 before the first. */
  readonly line: number;
}

/** Half-open; `to` is undefined for who is still there. */
interface ExpectedInterval {
  readonly from: number;
  readonly to: number | undefined;
}

/** What must be true once a script has been played. */
export interface Expectation {
  readonly entries: readonly ExpectedEntry[];
  readonly intervals: ReadonlyMap<string, readonly ExpectedInterval[]>;
  /** Who is a member at the end, the owner too. */
  readonly members: ReadonlySet<string>;
  /** The entries that an account's devices must hold: those in its intervals. */
  visibleTo(account: string): readonly ExpectedEntry[];
}

/** The initial members as they are added: the first batch creates the conversation. */
export function initialBatches(script: Pick<LogScript, "initial">): string[][] {
  const batches: string[][] = [];
  for (let at = 0; at === 0 || at < script.initial.length; at += LIMITS.membersPerRequest) {
    batches.push(script.initial.slice(at, at + LIMITS.membersPerRequest));
  }
  return batches;
}

/** Derives from a script, and from nothing else, what the conversation and every account must see. */
export function expectationOf(script: LogScript): Expectation {
  const entries: ExpectedEntry[] = [];
  const intervals = new Map<string, { from: number; to: number | undefined }[]>();
  const members = new Set<string>();

  function append(entry: Omit<ExpectedEntry, "messageId">): number {
    const messageId = entries.length + 1;
    entries.push({ messageId, ...entry });
    return messageId;
  }

  function enter(accounts: readonly string[], from: number): void {
    for (const account of accounts) {
      members.add(account);
      const known = intervals.get(account);
      if (known === undefined) intervals.set(account, [{ from, to: undefined }]);
      else known.push({ from, to: undefined });
    }
  }

  const { owner } = script;
  const [first = [], ...others] = initialBatches(script);
  const founders = [owner, ...first];
  enter(founders, append({ senderId: owner, kind: "created", members: founders, line: 0 }));
  for (const batch of others) {
    enter(batch, append({ senderId: owner, kind: "members-added", members: batch, line: 0 }));
  }
  for (const step of script.steps) {
    const { account, line } = step;
    switch (step.type) {
      case "say":
        append({ senderId: account, kind: step.kind, text: step.text, line });
        break;
      case "join":
        enter([account], append({ senderId: owner, kind: "members-added", members: [account], line }));
        break;
      case "leave":
      case "kick": {
        const senderId = step.type === "kick" ? owner : account;
        const to = append({ senderId, kind: "members-removed", members: [account], line });
        members.delete(account);
        intervals.get(account)!.at(-1)!.to = to;
        break;
      }
      case "rename":
        // A profile changes, and no conversation.
        break;
    }
  }
  return {
    entries,
    intervals,
    members,
    visibleTo: (account) =>
      (intervals.get(account) ?? []).flatMap(({ from, to }) =>
        entries.slice(from - 1, to === undefined ? undefined : to - 1),
      ),
  };
}
