import { isId } from "@chat/protocol";
import type { IgnoredReason, LogLine } from "./parse-log.js";

/** One thing that an account does, or that is done to it. */
export type Step = { readonly account: string; readonly line: number } & (
  | { readonly type: "say"; readonly kind: "text" | "x-notice"; readonly text: string }
  | { readonly type: "join" | "leave" | "kick" }
  | { readonly type: "rename"; readonly name: string }
);

/** A log as accounts of a chat play it. */
export interface LogScript {
  readonly name: string;
  readonly conversationId: string;
  /** Creates the conversation, adds who joins and removes who is kicked. Says nothing. */
  readonly owner: string;
  /** Who is there before the first line, in the order of their first appearance. */
  readonly initial: readonly string[];
  readonly steps: readonly Step[];
  /** Everybody but the owner. */
  readonly accounts: readonly string[];
  /** Lines that are not played, and what had to be inferred, by reason. */
  readonly counts: Readonly<
    Record<IgnoredReason | "inferredLeaves" | "inferredJoins" | "absentLeaves", number>
  >;
}

/**
 * Turns nicks into accounts. An account's id is the first nick it is seen with, and stays when the nick changes.
 *
 * - Who is first seen otherwise than joining was there from the start.
 * - The logs do not show when a connection was lost. So who joins while being there left right before; so did the
 *   holder of a nick that somebody else takes; and who speaks after leaving came back right before.
 * - A nick whose account now has another name, used anew, is another account: `nick~2` (`~` is in no nick).
 */
export function createLogScript(name: string, lines: readonly LogLine[]): LogScript {
  const steps: Step[] = [];
  const initial: string[] = [];
  const accounts: string[] = [];
  const taken = new Set<string>();
  const accountOf = new Map<string, string>();
  const present = new Set<string>();
  const counts = {
    topic: 0,
    mode: 0,
    empty: 0,
    unreadable: 0,
    inferredLeaves: 0,
    inferredJoins: 0,
    absentLeaves: 0,
  };

  function newAccount(nick: string): string {
    const base = isId(nick) ? nick : encodeURIComponent(nick).slice(0, 100);
    let account = base;
    for (let count = 2; taken.has(account); count++) account = `${base}~${count}`;
    taken.add(account);
    accounts.push(account);
    accountOf.set(nick, account);
    return account;
  }

  function join(account: string, line: number): void {
    present.add(account);
    steps.push({ type: "join", account, line });
  }

  function leave(account: string, line: number, type: "leave" | "kick" = "leave"): void {
    present.delete(account);
    steps.push({ type, account, line });
  }

  /** The account of a nick that a line shows to be there. */
  function accountPresent(nick: string, line: number): string {
    let account = accountOf.get(nick);
    if (account === undefined) {
      account = newAccount(nick);
      initial.push(account);
      present.add(account);
    } else if (!present.has(account)) {
      counts.inferredJoins++;
      join(account, line);
    }
    return account;
  }

  for (const event of lines) {
    const { line } = event;
    switch (event.type) {
      case "message":
      case "action":
      case "notice": {
        const kind = event.type === "notice" ? "x-notice" : "text";
        steps.push({
          type: "say",
          account: accountPresent(event.nick, line),
          kind,
          text: event.text,
          line,
        });
        break;
      }
      case "join": {
        const account = accountOf.get(event.nick) ?? newAccount(event.nick);
        if (present.has(account)) {
          counts.inferredLeaves++;
          leave(account, line);
        }
        join(account, line);
        break;
      }
      case "leave":
      case "kick": {
        const known = accountOf.get(event.nick);
        if (known !== undefined && !present.has(known)) counts.absentLeaves++;
        else leave(accountPresent(event.nick, line), line, event.type);
        break;
      }
      case "rename": {
        const account = accountPresent(event.nick, line);
        const holder = accountOf.get(event.to);
        if (holder !== undefined && holder !== account && present.has(holder)) {
          counts.inferredLeaves++;
          leave(holder, line);
        }
        accountOf.delete(event.nick);
        accountOf.set(event.to, account);
        steps.push({ type: "rename", account, name: event.to, line });
        break;
      }
      case "ignored":
        counts[event.reason]++;
    }
  }
  return {
    name,
    conversationId: `#ubuntu ${name}`,
    owner: `#ubuntu ${name} channel`,
    initial,
    steps,
    accounts,
    counts,
  };
}
