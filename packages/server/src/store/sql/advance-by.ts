import { ChatError } from "@chat/protocol";
import { membershipOf } from "../membership-entry.js";
import { redactionOf } from "../redaction-entry.js";
import type { StoredEntry } from "../stored-entry.js";
import { updateOf } from "../conversation-update.js";
import type { ConversationBatch } from "./conversation-batch.js";
import { usersOf } from "./membership-problem.js";

/**
 * Moves a row and participations on by an entry of a log that lies elsewhere.
 * @returns false if what the row has seen ends before the entry's predecessor: then nothing was done
 * @throws ChatError `not_found`
 */
export function advanceBy(batch: ConversationBatch, entry: StoredEntry): boolean {
  const { conversationId, messageId } = entry;
  const state = batch.get(conversationId);
  if (state === undefined) throw new ChatError("not_found", "There is no such conversation.");
  if (messageId <= state.head) return true;
  if (messageId > state.head + 1) return false;
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
  const redaction = redactionOf(entry);
  if (redaction !== undefined) {
    batch.redacted(conversationId, messageId);
    batch.conceal(conversationId, redaction);
  }
  return true;
}
