import { ChatError } from "@chat/protocol";
import type { OutboxDraft, QueuedDraft } from "../outbox-store.js";

/** A queued draft as a database gives it. */
export interface RawQueuedDraft {
  readonly number: number;
  readonly draft: string;
}

/** A draft as JSON of nothing but ASCII: whatever character set the application's connection has, it is kept as it is. */
export function encodeDraft(draft: OutboxDraft): string {
  return JSON.stringify(draft).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

export function toQueuedDraft({ number, draft }: RawQueuedDraft): QueuedDraft {
  return { number, draft: JSON.parse(draft) as OutboxDraft };
}

/** Drafts that are looked through at once for those of one sender. */
const LOOKED_THROUGH = 200;

/**
 * Removes all drafts of a sender. No index names the sender, and no engine's own JSON takes all that ours can hold: the drafts are read.
 * @param draftsAfter reads the first drafts above a number
 */
export async function forgetDrafts(
  senderId: string,
  draftsAfter: (number: number, limit: number) => Promise<readonly QueuedDraft[]>,
  remove: (numbers: readonly number[]) => Promise<void>,
): Promise<void> {
  for (let after = 0; ;) {
    const drafts = await draftsAfter(after, LOOKED_THROUGH);
    const last = drafts[drafts.length - 1];
    if (last === undefined) return;
    await remove(drafts.filter(({ draft }) => draft.senderId === senderId).map(({ number }) => number));
    after = last.number;
  }
}

/** The error of what is no transaction of the store's driver. @param wanted what it takes */
export function noTransaction(wanted: string): ChatError {
  return new ChatError("invalid_argument", `The transaction must be ${wanted}.`);
}
