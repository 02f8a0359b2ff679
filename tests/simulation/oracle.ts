import type { ClientFrame, ConversationRow, Entry, ServerFrame } from "@chat/protocol";
import { isSendableKind, kindOf, redactionOf, tombstoneOf } from "@chat/protocol";
import type { StoredEntry } from "@chat/server";
import type { AdvancedReceipt, ReceiptAdvance, WipeQuery } from "./faulty-store.js";
import type { DeviceEnd } from "./network.js";
import type { Trace } from "./trace.js";

interface Stay {
  readonly from: number;
  to: number;
}

/** The log of one conversation as the store has it, and who may see what of it. */
interface Log {
  readonly entries: StoredEntry[];
  /** As they were before anything was redacted. */
  readonly originals: StoredEntry[];
  /** What lies below is kept no more. */
  firstId: number;
  readonly stays: Map<string, Stay[]>;
}

/** An identity of a message that the code under test does not know of: the text that the application wrote. */
export interface Written {
  readonly text: string;
  readonly conversationId: string;
  /** The device's name; another one after its storage was wiped. */
  readonly author: string;
  /** Rises with each message of its author. */
  readonly number: number;
  /** Set when the application was told that it is stored. */
  acknowledgedAs?: number;
  /** The application was told that it is in the outbox, durably. */
  accepted?: true;
  refused?: string;
}

/** What a backup holds. */
export type OracleSnapshot = ReadonlyMap<string, Pick<Log, "entries" | "firstId">>;

/** Knows what the store holds and what was promised to whom, and looks at every entry and every frame. */
export class Oracle {
  readonly logs = new Map<string, Log>();
  readonly written = new Map<string, Written>();
  /** Texts that a restored backup has lost at some time. */
  readonly lost = new Set<string>();
  /** Texts of a history that the operator has ended, with its epoch. */
  readonly ended = new Map<string, string>();
  /** Texts that were taken away at some time, be it in a history that was lost. */
  readonly redacted = new Set<string>();
  /** Fingerprints of what was deleted with its time at some time: a restored backup may have brought it back. */
  readonly #deleted = new Set<number>();
  /** True once a restored backup has lost an entry of any kind. */
  hasLostHistory = false;
  /** Which conversation and id each text has. */
  readonly #stored = new Map<string, StoredEntry>();
  readonly #keys = new Set<string>();
  /** How far members have come, as far as the store has said. */
  readonly #receipts = new Map<string, { readonly delivered: number; readonly read: number }>();
  /** Devices that were told last that there is news of a conversation, not what it is. */
  readonly #pulling = new Set<string>();
  readonly #lastNumber = new Map<string, number>();
  /** Conversations that have lost something under running servers, which may go on telling of it until they notice. */
  readonly #rewound = new Set<string>();

  constructor(private readonly trace: Trace) {}

  /** The store has committed an entry. */
  stored(entry: StoredEntry): void {
    const log = this.#log(entry.conversationId);
    const { conversationId, messageId, senderId, deviceId, clientMessageId, text } = entry;
    const what = `${conversationId}/${messageId} ${text ?? entry.kind} of ${senderId}`;
    if (messageId !== log.entries.length + 1) {
      this.trace.fail("ids are contiguous", `${what} follows ${log.entries.length}`);
      return;
    }
    const key = `${conversationId} ${senderId} ${deviceId} ${clientMessageId}`;
    if (this.#keys.has(key)) this.trace.fail("no key is stored twice", what);
    this.#keys.add(key);
    this.#append(log, entry);
    if (text === undefined) return;
    if (this.#stored.has(text)) this.trace.fail("no message is stored twice", what);
    this.#stored.set(text, entry);
    const written = this.written.get(text);
    if (written === undefined) return;
    if (this.ended.has(text)) this.trace.fail("what another epoch has ended stays away", what);
    if (!this.canSee(senderId, conversationId, messageId)) {
      this.trace.fail("only members write", what);
    }
    if (this.lost.has(text)) {
      this.trace.hit("a lost message came back");
      return;
    }
    const lane = `${conversationId} ${written.author}`;
    const last = this.#lastNumber.get(lane) ?? 0;
    if (written.number < last) {
      this.trace.fail("the sends of a device keep their order", `${what} comes behind number ${last}`);
    }
    this.#lastNumber.set(lane, written.number);
  }

  /** The store has deleted the oldest entries. */
  pruned(conversationId: string, count: number): void {
    const log = this.#log(conversationId);
    for (const { fingerprint } of log.entries.slice(log.firstId - 1, log.firstId - 1 + count)) {
      this.#deleted.add(fingerprint);
    }
    log.firstId += count;
    if (count > 0) this.trace.hit("entries are kept no more");
    if (log.firstId > log.entries.length + 1) {
      this.trace.fail("only what is there is deleted", `${conversationId} up to ${log.firstId}`);
    }
  }

  /** True for what was deleted once and is there again: who had dropped it may do without. */
  isBack({ conversationId, messageId, fingerprint }: StoredEntry): boolean {
    return this.#deleted.has(fingerprint) && messageId >= this.firstId(conversationId);
  }

  /** The store has wiped what a user wrote. */
  wiped({ conversationId, userId, after }: Omit<WipeQuery, "limit">, through: number): void {
    this.#wipe(this.#log(conversationId), userId, after, through);
  }

  /** The store has said how far a member has come. */
  hasCome(
    { conversationId, userId, delivered = 0, read }: ReceiptAdvance,
    { receipt }: AdvancedReceipt,
  ): void {
    const who = `${conversationId} ${userId}`;
    const before = this.#receipts.get(who) ?? { delivered: 0, read: 0 };
    const least = {
      delivered: Math.max(before.delivered, delivered),
      read: Math.max(before.read, read?.messageId ?? 0),
    };
    if (
      receipt.delivered < least.delivered ||
      receipt.read < least.read ||
      receipt.delivered < receipt.read
    ) {
      const is = `${receipt.delivered} and ${receipt.read} after ${least.delivered} and ${least.read}`;
      this.trace.fail("watermarks only rise", `${who}: ${is}`);
    }
    this.#receipts.set(who, { delivered: receipt.delivered, read: receipt.read });
  }

  /** How many messages of others that are kept lie above an id, for a user who sees them. */
  unreadAbove(userId: string, conversationId: string, messageId: number): number {
    const above = Math.max(messageId, this.firstId(conversationId) - 1);
    return this.visible(userId, conversationId).filter(
      (entry) => entry.messageId > above && entry.senderId !== userId && isSendableKind(entry.kind),
    ).length;
  }

  /** The application was told that a message is stored. */
  acknowledged(text: string, messageId: number | undefined): void {
    const written = this.written.get(text);
    const entry = this.#stored.get(text);
    if (written === undefined) return;
    if (entry === undefined && !this.lost.has(text)) {
      this.trace.fail("acknowledged means stored", `${text} is not in the store`);
    } else if (entry !== undefined && messageId !== entry.messageId && !this.lost.has(text)) {
      this.trace.fail("acknowledged means stored", `${text} is ${entry.messageId}, not ${messageId}`);
    }
    written.acknowledgedAs = messageId ?? 0;
  }

  entryOf(text: string): StoredEntry | undefined {
    return this.#stored.get(text);
  }

  /** What a user may see of a conversation, in order. */
  visible(userId: string, conversationId: string): readonly StoredEntry[] {
    const log = this.logs.get(conversationId);
    return (log?.entries ?? []).filter(({ messageId }) => this.canSee(userId, conversationId, messageId));
  }

  /** The lines of it that a screen shows: a redaction shows at what it has taken away. */
  shown(userId: string, conversationId: string): readonly StoredEntry[] {
    return this.visible(userId, conversationId).filter((entry) => redactionOf(entry) === undefined);
  }

  canSee(userId: string, conversationId: string, messageId: number): boolean {
    const stays = this.logs.get(conversationId)?.stays.get(userId) ?? [];
    return stays.some(({ from, to }) => from <= messageId && messageId < to);
  }

  isMember(userId: string, conversationId: string): boolean {
    return this.logs.get(conversationId)?.stays.get(userId)?.at(-1)?.to === Infinity;
  }

  /** Conversations that the user is or was in. */
  conversationsOf(userId: string): readonly string[] {
    return [...this.logs].filter(([, { stays }]) => stays.has(userId)).map(([id]) => id);
  }

  /** The first entry that the store keeps. */
  firstId(conversationId: string): number {
    return this.logs.get(conversationId)?.firstId ?? 1;
  }

  head(conversationId: string): number {
    return this.logs.get(conversationId)?.entries.length ?? 0;
  }

  /** What the store held there. */
  snapshot(): OracleSnapshot {
    return new Map(
      [...this.logs].map(([id, { entries, firstId }]) => [id, { entries: [...entries], firstId }]),
    );
  }

  /** The store has lost everything above. Returns the entries that are gone. */
  restore(snapshot: OracleSnapshot): readonly StoredEntry[] {
    const gone: StoredEntry[] = [];
    const kept = [...this.logs].flatMap(([id, { originals }]) => {
      const length = snapshot.get(id)?.entries.length ?? 0;
      gone.push(...originals.slice(length));
      return originals.slice(0, length);
    });
    this.logs.clear();
    this.#keys.clear();
    this.#receipts.clear();
    this.#stored.clear();
    this.hasLostHistory ||= gone.length > 0;
    for (const { text } of gone) if (text !== undefined) this.lost.add(text);
    for (const entry of kept) {
      const log = this.#log(entry.conversationId);
      this.#append(log, entry);
      this.#keys.add(`${entry.conversationId} ${entry.senderId} ${entry.deviceId} ${entry.clientMessageId}`);
      if (entry.text !== undefined) this.#stored.set(entry.text, entry);
    }
    // What was deleted since is there again, and what was wiped.
    for (const [id, { entries, firstId }] of snapshot) {
      const log = this.logs.get(id);
      if (log === undefined) continue;
      log.firstId = firstId;
      log.entries.splice(0, entries.length, ...entries);
    }
    return gone;
  }

  /** As {@link restore}, under servers that run on. */
  failOver(snapshot: OracleSnapshot): readonly StoredEntry[] {
    const gone = this.restore(snapshot);
    for (const { conversationId } of gone) this.#rewound.add(conversationId);
    return gone;
  }

  /** The rows are of before, and receipts with them; the log that lies elsewhere has lost nothing. */
  rowsFailedOver(): void {
    this.#receipts.clear();
  }

  /** A conversation is there no more, with all that was in it. */
  forget(conversationId: string): void {
    for (const { text } of this.#log(conversationId).entries) {
      if (text === undefined) continue;
      this.lost.add(text);
      this.#stored.delete(text);
    }
    this.logs.delete(conversationId);
  }

  /** By now every server has noticed what was lost. */
  allNoticed(): void {
    this.#rewound.clear();
  }

  /** A server has sent a frame to a device. */
  inspect(frame: ServerFrame, to: DeviceEnd, request: ClientFrame | undefined): void {
    const of = "conversationId" in frame ? frame : request;
    if (of !== undefined && "conversationId" in of && this.#rewound.has(of.conversationId ?? "")) return;
    if (frame.type === "entries") {
      if (this.#pulling.delete(`${frame.conversationId} ${to.name}`)) this.trace.hit("entries after news");
      this.#inspectSpan(to, frame.conversationId, frame);
    } else if (frame.type === "head-moved") this.#inspectHead(to, frame);
    else if (frame.type === "range" && request?.type === "get-range") {
      this.#inspectSpan(to, request.conversationId, frame);
    } else if (frame.type === "message-stored" && request?.type === "send-message") {
      const entry = this.logs.get(request.conversationId)?.entries[frame.messageId - 1];
      const same = entry?.clientMessageId === request.clientMessageId && entry.senderId === to.userId;
      // Of what is kept no more, a resend is told no fingerprint.
      const isGone = frame.messageId < this.firstId(request.conversationId) && frame.fingerprint === 0;
      if (!same || (entry.fingerprint !== frame.fingerprint && !isGone)) {
        this.trace.fail("acknowledged means stored", `${request.text} as ${frame.messageId} to ${to.name}`);
      }
    } else if (frame.type === "conversation" || frame.type === "conversation-changed") {
      this.#inspectRow(to, frame.row);
    } else if (frame.type === "conversations" || frame.type === "changes") {
      for (const row of frame.rows) this.#inspectRow(to, row);
    }
  }

  /** A span was sent: what it holds is the store's, the user's, and all that there is. */
  #inspectSpan(
    { userId, name }: DeviceEnd,
    conversationId: string,
    span: { readonly after: number; readonly through: number; readonly entries: readonly Entry[] },
  ): void {
    const { after, through, entries } = span;
    const where = `${conversationId} (${after},${through}] to ${name}`;
    for (const entry of entries) {
      if (!this.canSee(userId, conversationId, entry.messageId)) {
        this.trace.fail("nothing outside a member's intervals is sent", `${where} holds ${entry.messageId}`);
      }
      if (entry.clientMessageId !== undefined && entry.senderId !== userId) {
        this.trace.fail("a key is told to nobody else", `${where} holds that of ${entry.messageId}`);
      }
      const problem = this.differs(conversationId, entry);
      if (problem !== undefined) this.trace.fail("what is sent is what is stored", `${where}: ${problem}`);
    }
    if (through > this.head(conversationId)) {
      this.trace.fail("what is sent is what is stored", `${where} reaches beyond the head`);
    }
    const sent = new Set(entries.map(({ messageId }) => messageId));
    for (let id = Math.max(after + 1, this.firstId(conversationId)); id <= through; id++) {
      if (this.canSee(userId, conversationId, id) && !sent.has(id)) {
        this.trace.fail("a span holds all that is in it", `${where} leaves out ${id}`);
        return;
      }
    }
  }

  /** A device was told that there is news. */
  #inspectHead(
    { name }: DeviceEnd,
    { conversationId, head }: { conversationId: string; head: number },
  ): void {
    const who = `${conversationId} ${name}`;
    if (!this.#pulling.has(who)) this.trace.hit("news instead of entries");
    this.#pulling.add(who);
    if (head > this.head(conversationId)) {
      this.trace.fail("what is sent is what is stored", `${who} is told of ${head}`);
    }
  }

  #inspectRow({ userId, name }: DeviceEnd, { conversationId, head, latest }: ConversationRow): void {
    const where = `the row of ${conversationId} to ${name}`;
    if (this.#rewound.has(conversationId)) return;
    if (head > 0 && !this.canSee(userId, conversationId, head)) {
      this.trace.fail("nothing outside a member's intervals is sent", `${where} says ${head}`);
    }
    if (latest === undefined) return;
    if (!this.canSee(userId, conversationId, latest.messageId)) {
      this.trace.fail("nothing outside a member's intervals is sent", `${where} shows ${latest.messageId}`);
    }
  }

  /**
   * How an entry that somebody holds differs from the store's; undefined if it does not.
   * @param hasHeard of every redaction, so that a body that was taken away is gone here, too
   */
  differs(conversationId: string, entry: Entry, hasHeard = false): string | undefined {
    const log = this.logs.get(conversationId);
    const stored = log?.entries[entry.messageId - 1];
    const original = log?.originals[entry.messageId - 1];
    if (log === undefined || stored === undefined || original === undefined)
      return `the store has no ${entry.messageId}`;
    const isOnItsWay = stored.redacted === true && !hasHeard && entry.text === original.text;
    // What retention had deleted when it was sent again: all that is left is where it was.
    const isGone = entry.messageId < log.firstId && entry.redacted === true && entry.fingerprint === 0;
    if (isGone && stored.senderId === entry.senderId) return undefined;
    // A redaction that the store has lost is obeyed where it was heard of.
    const isObeyed = this.hasLostHistory && entry.redacted && this.redacted.has(original.text ?? "");
    const same =
      (stored.text === entry.text || isOnItsWay || isObeyed) &&
      stored.senderId === entry.senderId &&
      stored.kind === kindOf(entry) &&
      stored.createdAt === entry.createdAt &&
      stored.ordinal === entry.ordinal &&
      stored.fingerprint === entry.fingerprint;
    return same
      ? undefined
      : `${entry.messageId} is ${stored.text ?? stored.kind}, not ${entry.text ?? kindOf(entry)}`;
  }

  #log(conversationId: string): Log {
    let log = this.logs.get(conversationId);
    if (log === undefined)
      this.logs.set(conversationId, (log = { entries: [], originals: [], firstId: 1, stays: new Map() }));
    return log;
  }

  #append(log: Log, entry: StoredEntry): void {
    log.entries.push(entry);
    log.originals.push(entry);
    this.#applyMembership(log, entry);
    const redaction = redactionOf(entry);
    if (redaction?.userId !== undefined) {
      this.trace.hit("a user's words are erased");
      this.#wipe(log, redaction.userId, 0, entry.messageId);
    }
    const target = log.entries[(redaction?.messageId ?? 0) - 1];
    if (target === undefined) return;
    this.trace.hit("a body is taken away");
    if (target.text !== undefined) this.redacted.add(target.text);
    log.entries[target.messageId - 1] = tombstoneOf(target);
  }

  /** Also what is kept no more: who holds it still hears of it, too. */
  #wipe({ entries }: Log, userId: string, after: number, through: number): void {
    for (const entry of entries.slice(after, through)) {
      if (entry.senderId !== userId || !isSendableKind(entry.kind) || entry.redacted) continue;
      if (entry.text !== undefined) this.redacted.add(entry.text);
      entries[entry.messageId - 1] = tombstoneOf(entry);
    }
  }

  #applyMembership({ stays }: Log, { kind, data, messageId }: StoredEntry): void {
    const members = (data?.["members"] ?? []) as readonly string[];
    if (kind === "created" || kind === "members-added") {
      for (const userId of members) {
        const own = stays.get(userId) ?? [];
        stays.set(userId, [...own, { from: messageId, to: Infinity }]);
      }
    } else if (kind === "members-removed") {
      for (const userId of members) {
        const stay = stays.get(userId)?.at(-1);
        if (stay !== undefined) stay.to = messageId;
      }
    }
  }
}
