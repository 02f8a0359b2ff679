import { ChatError } from "@chat/protocol";
import { updateOf } from "../conversation-update.js";
import { membershipOf } from "../membership-entry.js";
import type { StoredEntry } from "../stored-entry.js";
import type { ConversationBatch } from "./conversation-batch.js";
import { usersOf } from "./membership-problem.js";

/** Moves a row and participations on by an entry of a log that lies elsewhere. @throws ChatError `not_found`, `invalid_argument` */
export function advanceBy(batch: ConversationBatch, entry: StoredEntry): void {
  const state = batch.get(entry.conversationId);
  if (state === undefined) throw new ChatError("not_found", "There is no such conversation.");
  if (entry.messageId <= state.head) return;
  if (entry.messageId > state.head + 1) {
    throw new ChatError(
      "invalid_argument",
      `The conversation's row has seen ${state.head}; entry ${entry.messageId} leaves a gap.`,
    );
  }
  const named = membershipOf(entry);
  const standings = named && batch.standings(state, usersOf(named));
  const isMember = (userId: string): boolean => standings?.get(userId)?.member === true;
  // The log is the truth: what it says twice is so already.
  const membership = named && {
    ...named,
    add: named.add.filter(({ userId }) => !isMember(userId)),
    remove: named.remove.filter(isMember),
  };
  batch.move(entry, membership, updateOf(entry));
}
