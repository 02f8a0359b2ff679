import { ChatError, type Entry, newUuid, systemRuntime, type UserProfile } from "@chat/protocol";
import { isRedacted } from "../../src/cache/apply-changes.js";
import type {
  Cache,
  CachedConversation,
  CacheChanges,
  CacheMeta,
  CacheReadQuery,
  CacheSnapshot,
  OutboxItem,
} from "../../src/cache/cache.js";

const DEVICE = "makes a device id of an empty cache, and finds nothing else";
const PLACE = "gives every place a device id of its own";
const LOADS = "sees the commits that were called before it";
const META = "merges meta field by field";
const ROW = "replaces a conversation's row and ranges as a whole";
const FIELDS = "gives entries back as they were, with and without their optional fields";
const SAME_ID = "replaces an entry of the same id";
const SEQUENCE = "lists the outbox by sequence, however it was put";
const OUTBOX = "keeps every field of an outbox item, and replaces and removes it by clientMessageId";
const USERS = "replaces users by userId";
const NUMERIC = "answers in numeric order of messageId, for one conversation";
const BOUNDS = "excludes both bounds";
const LIMIT = "takes `limit` entries from the end that `order` names, and answers ascending";
const MANY = "manages 10,000 entries";
const FORGETS = "forgets what lies up to an id, before it writes";
const TOMBSTONES = "makes tombstones of what it holds and of what it writes, in the same commit";
const TRUNCATES = "truncates what lies above an id, in that conversation alone";
const REMOVES = "removes conversations with their entries, and nothing of others or of the outbox";
const RESET = "forgets by a reset all but the device's id, the privacy and the outbox";
const ORDER = "applies its steps in the order of the fields";
const BEFORE = "removes and truncates before it writes, without a reset too";
const ATOMIC = "leaves nothing of itself when it fails (relaxed)";
const ALONE = "fails alone: those called before and after it apply";
const IN_TURN = "applies commits in the order in which they were called";
const SEEN = "is seen by every read that is called after it, before it is done";
const REOPEN = "finds everything again after a reopen, if it is persistent";
const WAITS = "waits, when it is closed, for commits that were called before";
const CLOSED = "refuses everything but a second close once it is closed";
const WIPE = "leaves nothing after a wipe, not even the device's id, and is closed";
const WIPES_ALL = "wipes what was called before it, too";

/** What authors of caches get wrong, and the case of the suite that says so. */
export const PLANTED = {
  "makes a device id with each load": DEVICE,
  "counts devices": DEVICE,
  "has one table for all": PLACE,
  "has one device id for all": PLACE,
  "loads what is on disk": LOADS,
  "replaces meta": META,
  "keeps the first meta": META,
  "merges conversations": ROW,
  "adds ranges": ROW,
  "fills fields with undefined": FIELDS,
  "loses fields that it does not know": FIELDS,
  "keeps the first entry": SAME_ID,
  "merges entries": SAME_ID,
  "lists the outbox as it was put": SEQUENCE,
  "orders the outbox by text": SEQUENCE,
  "keys the outbox by sequence": OUTBOX,
  "merges outbox items": OUTBOX,
  "removes the outbox but what was named": OUTBOX,
  "merges users": USERS,
  "orders entries by text": NUMERIC,
  "orders entries as they were put": NUMERIC,
  "takes ids for prefixes": NUMERIC,
  "trims ids": NUMERIC,
  "takes ids in lower case": NUMERIC,
  "includes the lower bound": BOUNDS,
  "includes the upper bound": BOUNDS,
  "takes no limit": LIMIT,
  "takes one less": LIMIT,
  "takes the oldest always": LIMIT,
  "answers descending": LIMIT,
  "answers 1,000 at the most": MANY,
  "forgets one less": FORGETS,
  "forgets one more": FORGETS,
  "forgets in every conversation": FORGETS,
  "forgets after it writes": FORGETS,
  "redacts what it holds alone": TOMBSTONES,
  "redacts what it writes alone": TOMBSTONES,
  "redacts at the bound, too": TOMBSTONES,
  "redacts whoever wrote it": TOMBSTONES,
  "redacts in every conversation": TOMBSTONES,
  "redacts who came and went": TOMBSTONES,
  "removes what is redacted": TOMBSTONES,
  "leaves the data of what is redacted": TOMBSTONES,
  "leaves the mentions of what is redacted": TOMBSTONES,
  "takes the key of what is redacted": TOMBSTONES,
  "truncates at the id, too": TRUNCATES,
  "truncates one less": TRUNCATES,
  "truncates every conversation": TRUNCATES,
  "removes the row alone": REMOVES,
  "removes the outbox of a conversation": REMOVES,
  "forgets the device with a reset": RESET,
  "forgets the outbox with a reset": RESET,
  "forgets the privacy with a reset": RESET,
  "keeps the cursor over a reset": RESET,
  "keeps users over a reset": RESET,
  "keeps entries over a reset": RESET,
  "removes outbox items before it puts some": ORDER,
  "truncates after it writes": BEFORE,
  "removes conversations after it writes": BEFORE,
  "writes step by step": ATOMIC,
  "rejects with an error of its own": ATOMIC,
  "fails for good": ALONE,
  "throws at once": ALONE,
  "lets strict commits overtake": IN_TURN,
  "resolves in any order": IN_TURN,
  "reads what is on disk": SEEN,
  "keeps nothing": REOPEN,
  "keeps all but entries": REOPEN,
  "has a new device id when it is reopened": REOPEN,
  "drops what waits when it is closed": WAITS,
  "closes at once": WAITS,
  "reads once closed": CLOSED,
  "commits once closed": CLOSED,
  "wipes once closed": CLOSED,
  "closes once only": CLOSED,
  "keeps the device id over a wipe": WIPE,
  "keeps the outbox over a wipe": WIPE,
  "stays open after a wipe": WIPE,
  "wipes at once": WIPES_ALL,
} as const;

export type Defect = keyof typeof PLANTED;

interface Tables {
  meta: CacheMeta;
  conversations: Map<string, CachedConversation>;
  entries: Map<string, Map<number, Entry>>;
  outbox: Map<string, OutboxItem>;
  users: Map<string, UserProfile>;
}

const { clock, random } = systemRuntime();
let devices = 0;

function emptyTables(deviceId: string): Tables {
  return {
    meta: { deviceId },
    conversations: new Map(),
    entries: new Map(),
    outbox: new Map(),
    users: new Map(),
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => clock.nextTurn(resolve));
}

/** Where a cache lives: a disk that is slow. */
export class PlantedDisk {
  static shared = emptyTables(newUuid(random));
  #tables: Tables | undefined;
  readonly #defect: Defect | undefined;

  constructor(defect?: Defect) {
    this.#defect = defect;
    PlantedDisk.shared = emptyTables(newUuid(random));
  }

  get tables(): Tables {
    if (this.#defect === "has one table for all")
      return { ...PlantedDisk.shared, meta: (this.#tables ??= emptyTables(newUuid(random))).meta };
    const id = this.#defect === "counts devices" ? String(++devices) : newUuid(random);
    return (this.#tables ??= emptyTables(
      this.#defect === "has one device id for all" ? PlantedDisk.shared.meta.deviceId : id,
    ));
  }

  set tables(tables: Tables) {
    this.#tables = tables;
    PlantedDisk.shared = tables;
  }

  clear(): void {
    const { meta, outbox } = this.tables;
    this.#tables = undefined;
    if (this.#defect === "keeps the device id over a wipe") this.tables = emptyTables(meta.deviceId);
    if (this.#defect === "keeps the outbox over a wipe") this.tables = { ...this.tables, outbox };
  }
}

/** A cache that keeps the contract, but for one defect. */
export class PlantedCache implements Cache {
  readonly persistent = true;
  readonly #disk: PlantedDisk;
  readonly #defect: Defect | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  #isBroken = false;

  constructor(disk: PlantedDisk, defect?: Defect) {
    this.#disk = disk;
    this.#defect = defect;
  }

  async load(): Promise<CacheSnapshot> {
    this.#assertOpen("reads once closed");
    if (!this.#has("loads what is on disk")) await this.#next(async () => {});
    const { meta, conversations, outbox, users } = structuredClone(this.#disk.tables);
    const items = [...outbox.values()];
    const sorted = this.#has("orders the outbox by text")
      ? items.sort((a, b) => (String(a.sequence) < String(b.sequence) ? -1 : 1))
      : items.sort((a, b) => a.sequence - b.sequence);
    return {
      meta: this.#has("makes a device id with each load") ? { ...meta, deviceId: newUuid(random) } : meta,
      conversations: [...conversations.values()],
      outbox: this.#has("lists the outbox as it was put") ? [...outbox.values()] : sorted,
      users: [...users.values()],
    };
  }

  async read(
    conversationId: string,
    { after, before, limit, order }: CacheReadQuery,
  ): Promise<readonly Entry[]> {
    this.#assertOpen("reads once closed");
    if (!this.#has("reads what is on disk")) await this.#next(async () => {});
    const tables = structuredClone(this.#disk.tables);
    const name = this.#nameOf(conversationId);
    const logs = [...tables.entries].filter(
      ([id]) => id === name || (this.#has("takes ids for prefixes") && id.startsWith(name)),
    );
    let found = logs
      .flatMap(([, log]) => [...log.values()])
      .filter(
        ({ messageId }) =>
          (messageId > after || (messageId === after && this.#has("includes the lower bound"))) &&
          (messageId < before || (messageId === before && this.#has("includes the upper bound"))),
      );
    if (this.#has("orders entries by text"))
      found.sort((a, b) => (String(a.messageId) < String(b.messageId) ? -1 : 1));
    else if (!this.#has("orders entries as they were put")) found.sort((a, b) => a.messageId - b.messageId);
    const most = this.#has("takes no limit") ? Infinity : this.#has("takes one less") ? limit - 1 : limit;
    const fromStart = order === "ascending" || this.#has("takes the oldest always");
    found = fromStart ? found.slice(0, most) : found.slice(Math.max(0, found.length - most));
    if (this.#has("answers 1,000 at the most")) found = found.slice(0, 1_000);
    if (this.#has("answers descending") && order === "descending") found.reverse();
    return this.#has("fills fields with undefined")
      ? found.map((entry) => ({ kind: undefined, ...entry }) as unknown as Entry)
      : found;
  }

  commit(changes: CacheChanges, durability: "strict" | "relaxed"): Promise<void> {
    if (this.#has("throws at once")) structuredClone(changes);
    return this.#commit(changes, durability);
  }

  async #commit(changes: CacheChanges, durability: "strict" | "relaxed"): Promise<void> {
    this.#assertOpen("commits once closed");
    const work = async (): Promise<void> => {
      await turn();
      if (this.#isClosed && this.#has("drops what waits when it is closed")) return;
      if (this.#isBroken) throw new ChatError("storage_failed", "It is broken.");
      const tables = this.#has("writes step by step")
        ? this.#disk.tables
        : structuredClone(this.#disk.tables);
      try {
        this.#apply(changes, tables);
      } catch (cause) {
        this.#isBroken = this.#has("fails for good");
        if (this.#has("rejects with an error of its own")) throw cause;
        throw new ChatError("storage_failed", "A value can't be stored.", { cause });
      }
      this.#disk.tables = tables;
    };
    if (durability === "strict" && this.#has("lets strict commits overtake")) return work();
    await this.#next(work);
    if (this.#has("resolves in any order") && durability === "relaxed") await turn().then(turn);
  }

  async wipe(): Promise<void> {
    this.#assertOpen("wipes once closed");
    if (this.#has("wipes at once")) this.#disk.clear();
    else await this.#next(async () => this.#disk.clear());
    this.#isClosed = !this.#has("stays open after a wipe");
    await this.#queue;
  }

  async close(): Promise<void> {
    if (this.#isClosed && this.#has("closes once only")) throw new ChatError("closed", "It is closed.");
    const isFirst = !this.#isClosed;
    this.#isClosed = true;
    if (!this.#has("closes at once")) await this.#queue;
    if (!isFirst) return;
    const { tables } = this.#disk;
    if (this.#has("keeps nothing")) this.#disk.clear();
    if (this.#has("keeps all but entries")) this.#disk.tables = { ...tables, entries: new Map() };
    if (this.#has("has a new device id when it is reopened"))
      this.#disk.tables = { ...tables, meta: { ...tables.meta, deviceId: newUuid(random) } };
  }

  #apply(changes: CacheChanges, tables: Tables): void {
    const stored = <T>(value: T): T => structuredClone(value);
    const steps: Record<string, () => void> = {
      reset: () => changes.reset && this.#reset(tables),
      meta: () => this.#putMeta(tables, stored(changes.meta ?? {})),
      removeConversations: () =>
        changes.removeConversations?.forEach((id) => this.#removeConversation(tables, id)),
      truncate: () => {
        for (const { conversationId, above } of changes.truncate ?? []) {
          const last =
            above + (this.#has("truncates one less") ? 1 : this.#has("truncates at the id, too") ? -1 : 0);
          const everywhere = this.#has("truncates every conversation");
          this.#removeEntries(tables, everywhere ? undefined : conversationId, (id) => id > last);
        }
      },
      forget: () => {
        for (const { conversationId, through } of changes.forget ?? []) {
          const last = through + (this.#has("forgets one less") ? -1 : this.#has("forgets one more") ? 1 : 0);
          const everywhere = this.#has("forgets in every conversation");
          this.#removeEntries(tables, everywhere ? undefined : conversationId, (id) => id <= last);
        }
      },
      redactHeld: () => this.#has("redacts what it holds alone") && this.#redact(tables, changes),
      conversations: () =>
        stored(changes.conversations ?? []).forEach((each) => this.#putConversation(tables, each)),
      entries: () => {
        for (const { conversationId, entries } of changes.entries ?? [])
          for (const entry of entries) this.#putEntry(tables, this.#nameOf(conversationId), stored(entry));
      },
      redact: () => !this.#has("redacts what it holds alone") && this.#redact(tables, changes),
      putOutbox: () => {
        for (const item of stored(changes.putOutbox ?? [])) {
          const key = this.#has("keys the outbox by sequence") ? String(item.sequence) : item.clientMessageId;
          const before = this.#has("merges outbox items") ? tables.outbox.get(key) : undefined;
          tables.outbox.set(key, { ...before, ...item });
        }
      },
      removeOutbox: () => {
        for (const id of changes.removeOutbox ?? []) {
          for (const [key, item] of tables.outbox) {
            const isNamed = item.clientMessageId === id;
            if (isNamed !== this.#has("removes the outbox but what was named")) tables.outbox.delete(key);
          }
        }
      },
      users: () => {
        for (const user of changes.users ?? []) {
          const before = this.#has("merges users") ? tables.users.get(user.userId) : undefined;
          tables.users.set(user.userId, stored({ ...before, ...user }));
        }
      },
    };
    const last = (name: string): string[] => [...Object.keys(steps).filter((step) => step !== name), name];
    let order = Object.keys(steps);
    if (this.#has("forgets after it writes")) order = last("forget");
    if (this.#has("truncates after it writes")) order = last("truncate");
    if (this.#has("removes conversations after it writes")) order = last("removeConversations");
    if (this.#has("removes outbox items before it puts some")) order = last("putOutbox");
    for (const step of order) steps[step]!();
  }

  #reset(tables: Tables): void {
    const { deviceId, privacy, cursor } = tables.meta;
    tables.meta = {
      deviceId: this.#has("forgets the device with a reset") ? newUuid(random) : deviceId,
      ...(privacy !== undefined && !this.#has("forgets the privacy with a reset") && { privacy }),
      ...(cursor !== undefined && this.#has("keeps the cursor over a reset") && { cursor }),
    };
    tables.conversations.clear();
    if (!this.#has("keeps entries over a reset")) tables.entries.clear();
    if (!this.#has("keeps users over a reset")) tables.users.clear();
    if (this.#has("forgets the outbox with a reset")) tables.outbox.clear();
  }

  #putMeta(tables: Tables, meta: Partial<CacheMeta>): void {
    const { deviceId } = tables.meta;
    if (this.#has("keeps the first meta")) tables.meta = { ...meta, ...tables.meta };
    else if (this.#has("replaces meta") && Object.keys(meta).length > 0) tables.meta = { deviceId, ...meta };
    else tables.meta = { ...tables.meta, ...meta };
  }

  #putConversation(tables: Tables, conversation: CachedConversation): void {
    const id = conversation.row.conversationId;
    const before = tables.conversations.get(id);
    const base = this.#has("merges conversations") ? before : undefined;
    const ranges = this.#has("adds ranges")
      ? [...(before?.ranges ?? []), ...conversation.ranges]
      : conversation.ranges;
    tables.conversations.set(id, { ...base, ...conversation, ranges });
  }

  #removeConversation(tables: Tables, id: string): void {
    tables.conversations.delete(id);
    if (!this.#has("removes the row alone")) tables.entries.delete(id);
    if (!this.#has("removes the outbox of a conversation")) return;
    for (const [key, item] of tables.outbox) if (item.conversationId === id) tables.outbox.delete(key);
  }

  #removeEntries(tables: Tables, conversationId: string | undefined, isGone: (id: number) => boolean): void {
    for (const [id, log] of tables.entries) {
      if (conversationId !== undefined && id !== conversationId) continue;
      for (const messageId of [...log.keys()]) if (isGone(messageId)) log.delete(messageId);
    }
  }

  #putEntry(tables: Tables, conversationId: string, entry: Entry): void {
    const log = tables.entries.get(conversationId) ?? new Map<number, Entry>();
    tables.entries.set(conversationId, log);
    const before = log.get(entry.messageId);
    if (before !== undefined && this.#has("keeps the first entry")) return;
    const { clientMessageId: _, ...known } = entry;
    const written = this.#has("loses fields that it does not know") ? (known as Entry) : entry;
    log.set(entry.messageId, this.#has("merges entries") ? { ...before, ...written } : written);
  }

  #redact(tables: Tables, { redact = [], entries = [] }: CacheChanges): void {
    const written = new Set(entries.flatMap((each) => each.entries.map(({ messageId }) => messageId)));
    for (const { conversationId, messageId, userId, below } of redact) {
      for (const [id, log] of tables.entries) {
        if (id !== conversationId && !this.#has("redacts in every conversation")) continue;
        const bound = this.#has("redacts at the bound, too") ? below + 1 : below;
        for (const entry of log.values()) {
          const seen = {
            ...entry,
            ...(this.#has("redacts whoever wrote it") && userId !== undefined && { senderId: userId }),
            ...(this.#has("redacts who came and went") && { kind: "text" }),
          };
          const isIt = isRedacted(seen, messageId, userId, bound);
          if (!isIt || (this.#has("redacts what it writes alone") && !written.has(entry.messageId))) continue;
          if (this.#has("removes what is redacted")) log.delete(entry.messageId);
          else log.set(entry.messageId, this.#tombstoneOf(entry));
        }
      }
    }
  }

  #tombstoneOf(entry: Entry): Entry {
    const { text: _, data, replyTo: __, mentions, clientMessageId, ...rest } = entry;
    return {
      ...rest,
      ...(data !== undefined && this.#has("leaves the data of what is redacted") && { data }),
      ...(mentions !== undefined && this.#has("leaves the mentions of what is redacted") && { mentions }),
      ...(clientMessageId !== undefined &&
        !this.#has("takes the key of what is redacted") && { clientMessageId }),
      redacted: true,
    };
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return done;
  }

  #assertOpen(butFor: Defect): void {
    if (this.#isClosed && !this.#has(butFor)) throw new ChatError("closed", "It is closed.");
  }

  #nameOf(conversationId: string): string {
    if (this.#has("takes ids in lower case")) return conversationId.toLowerCase();
    return this.#has("trims ids") ? conversationId.trim() : conversationId;
  }

  #has(defect: Defect): boolean {
    return this.#defect === defect;
  }
}
