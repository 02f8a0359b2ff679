import { ChatError } from "@chat/protocol";
import type { PendingDraft } from "../message-log.js";
import type { AppendOutcome, Head } from "../message-store.js";
import { entryOf } from "../sql/draft-entry.js";
import type { StoredEntry } from "../stored-entry.js";
import { entryItem, keyText } from "./dynamo-db-items.js";
import type { Item } from "./dynamo-db-client.js";

/** Bytes of bodies in one transaction: DynamoDB takes 4 MB with everything else of the items. */
const BODIES_BYTES = 3_500_000;
/** Bytes of one body: DynamoDB takes 400 KB with everything else of the item. */
const BODY_BYTES = 409_600 - 1_024;

/** What one transaction is to store. */
export interface AppendPlan {
  readonly entries: readonly StoredEntry[];
  readonly items: readonly Item[];
  readonly after: Head;
  /** How many of the drafts have an outcome if the transaction is done. */
  readonly taken: number;
  /** Drafts that are refused unless their key is known, of which nobody has looked. */
  readonly doubtful: readonly PendingDraft[];
}

/**
 * Says what becomes of drafts behind a head, as many as one transaction takes, and notes it.
 * @param known the entries of idempotency keys that are taken; undefined for one that was looked up in vain
 */
export function planAppend(
  drafts: readonly PendingDraft[],
  before: Head,
  known: ReadonlyMap<string, StoredEntry | undefined>,
): AppendPlan {
  const entries: StoredEntry[] = [];
  const items: Item[] = [];
  const doubtful: PendingDraft[] = [];
  const planned = new Map<string, StoredEntry>();
  let after = before;
  let bytes = 0;
  let taken = 0;
  for (const pending of drafts) {
    const { draft } = pending;
    const key = keyText(draft);
    const duplicate = known.get(key) ?? planned.get(key);
    const refuse = (error: ChatError): void => {
      if (!known.has(key)) doubtful.push(pending);
      pending.note({ status: "refused", error });
    };
    if (duplicate !== undefined) {
      pending.note({ status: "duplicate", entry: duplicate });
      taken++;
      continue;
    }
    const refusal = pending.refusal() ?? membershipMoved(pending, after);
    if (refusal !== undefined) {
      refuse(refusal);
      taken++;
      continue;
    }
    const entry = entryOf(draft, after);
    const item = itemOf(entry);
    if (item instanceof ChatError) {
      refuse(item);
      taken++;
      continue;
    }
    bytes += item.b.B.length;
    if (bytes > BODIES_BYTES && entries.length > 0) break;
    entries.push(entry);
    items.push(item);
    planned.set(key, entry);
    after = movedBy(after, entry, draft.membership !== undefined);
    pending.note({ status: "stored", entry } satisfies AppendOutcome);
    taken++;
  }
  return { entries, items, after, taken, doubtful };
}

/** The head behind its next entry. */
export function movedBy(head: Head, entry: StoredEntry, isMembership: boolean): Head {
  const { messageId, fingerprint, ordinal } = entry;
  return {
    ...head,
    head: messageId,
    fingerprint,
    ordinal,
    ...(isMembership && { membershipVersion: messageId }),
  };
}

export function membershipMoved({ draft }: PendingDraft, { membershipVersion }: Head): ChatError | undefined {
  if (draft.membershipVersion === membershipVersion) return undefined;
  return new ChatError("membership_moved", "The conversation's membership has moved since this was allowed.");
}

/** The item of an entry, or why there can't be one. */
export function itemOf(entry: StoredEntry): ReturnType<typeof entryItem> | ChatError {
  let item: ReturnType<typeof entryItem>;
  try {
    item = entryItem(entry);
  } catch (cause) {
    return new ChatError("data_invalid", "data holds what can't be stored.", { cause });
  }
  if (item.b.B.length <= BODY_BYTES) return item;
  return new ChatError("data_invalid", "A message takes 408,576 bytes at the most; this one is larger.");
}
