import { ENTRY_KINDS, type Entry, LIMITS } from "@chat/protocol";
import { contentBytes } from "../store/content-bytes.js";
import type { MessageStore, ReadQuery } from "../store/message-store.js";
import type { StoredEntry } from "../store/stored-entry.js";
import { shareEntry } from "./to-entry.js";

/** How many of the newest entries are kept, and their bytes. */
const ENTRIES = 4 * LIMITS.rangeEntries;
const BYTES = 4 * LIMITS.rangeBytes;

/** The newest entries of a large group, for all those who are about to ask for them: read and encoded once. */
export class RecentEntries {
  #entries: StoredEntry[] = [];
  /** The bytes of each, which everybody who reads would have to count. */
  #sizes: number[] = [];
  #bytes = 0;

  /** @param share is told what will be encoded for many */
  constructor(private readonly share: (entries: readonly Entry[]) => void) {}

  /** Takes entries in the order of their ids. */
  add(run: readonly StoredEntry[]): void {
    const rewrites = ({ kind }: StoredEntry): boolean =>
      kind === ENTRY_KINDS.redacted || kind === ENTRY_KINDS.erased;
    const last = this.#entries[this.#entries.length - 1];
    // What was said before may be a tombstone now: the store knows.
    if (run.some(rewrites) || (last !== undefined && run[0]!.messageId !== last.messageId + 1)) {
      [this.#entries, this.#sizes, this.#bytes] = [[], [], 0];
    }
    if (run.some(rewrites)) return;
    this.share(run.map(shareEntry));
    for (const entry of run) {
      const size = contentBytes(entry);
      this.#entries.push(entry);
      this.#sizes.push(size);
      this.#bytes += size;
    }
    let [gone, bytes] = [0, this.#bytes];
    while (this.#entries.length - gone > ENTRIES || bytes > BYTES) bytes -= this.#sizes[gone++]!;
    this.#entries.splice(0, gone);
    this.#sizes.splice(0, gone);
    this.#bytes = bytes;
  }

  /** What the store would answer; undefined if that is not all here. */
  read({
    after,
    before,
    order,
    limit,
    maxBytes,
  }: Omit<ReadQuery, "conversationId">): StoredEntry[] | undefined {
    const first = this.#entries[0];
    if (first === undefined || order !== "ascending" || after < first.messageId - 1) return undefined;
    const from = after + 1 - first.messageId;
    const to = before - first.messageId;
    if (to > this.#entries.length) return undefined;
    const found: StoredEntry[] = [];
    let bytes = 0;
    for (let at = from; at < to && found.length < limit && bytes <= maxBytes; at++) {
      found.push(this.#entries[at]!);
      bytes += this.#sizes[at]!;
    }
    return found;
  }
}

/** A message store that reads what is recent from where it is at hand. */
export function recentFirst(
  messages: MessageStore,
  recent: (query: ReadQuery) => readonly StoredEntry[] | undefined,
): MessageStore {
  return {
    append: (drafts) => messages.append(drafts),
    find: (key) => messages.find(key),
    read: async (query) => recent(query) ?? messages.read(query),
    wipe: (query) => messages.wipe(query),
    heads: (conversationIds) => messages.heads(conversationIds),
  };
}
