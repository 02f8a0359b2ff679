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

/** The error of what is no transaction of the store's driver. @param wanted what it takes */
export function noTransaction(wanted: string): ChatError {
  return new ChatError("invalid_argument", `The transaction must be ${wanted}.`);
}
