import assert from "node:assert/strict";
import {
  type ConversationRow,
  ENTRY_KINDS,
  type JsonObject,
  newUuid,
  type Role,
  systemRuntime,
} from "@chat/protocol";
import type { ChatStore } from "../store/chat-store.js";
import type { MessageLog } from "../store/message-log.js";
import type {
  AppendOutcome,
  ConversationUpdate,
  Draft,
  MembershipChange,
  RedactionTarget,
} from "../store/message-store.js";
import type { StoredEntry } from "../store/stored-entry.js";

/** One engine (a file, a database, a table prefix) of its own for one case, empty at first. */
export interface StoreEngine {
  /** Another store on this engine, not yet open, as another server process would have it. */
  store(): ChatStore | Promise<ChatStore>;
  /**
   * True where the log lies in another store (see `combineStores`): members follow from what the entries say alone, which can't give
   * another role than `member` to who is added, nor add and remove in one entry. No operation asks for either.
   */
  readonly derivesFromEntries?: boolean;
  /** That log, not yet open, as a server has it that dies before it moves rows on: what takes long beside rows is then written without them. */
  log?(): MessageLog;
  /** Removes the engine. The suite has closed the stores. */
  dispose(): void | Promise<void>;
}

/** The most members of one conversation, as the suite opens its stores. */
export const GROUP_MEMBERS = 600;

/** Up to so many members of a conversation are told how far each other has come, as the suite opens its stores. */
export const RECEIPT_MEMBERS = 5;

const runtime = systemRuntime();

/** A new UUID. */
export function uuid(): string {
  return newUuid(runtime.random);
}

/** Lets others run; a store may answer without waiting for anything. */
export function turn(): Promise<void> {
  return new Promise((resolve) => runtime.clock.nextTurn(resolve));
}

/** What a case works with: stores on one engine, and short ways to write into them. */
export class StoreWorld {
  readonly engine: StoreEngine;
  readonly #opened: ChatStore[] = [];
  readonly #devices = new Map<string, string>();
  #made = 0;

  constructor(engine: StoreEngine) {
    this.engine = engine;
  }

  /** Opens another store on the same engine. */
  async open(): Promise<ChatStore> {
    const store = await this.engine.store();
    this.#opened.push(store);
    await store.open({ runtime, groupMembers: GROUP_MEMBERS, receiptMembers: RECEIPT_MEMBERS });
    return store;
  }

  async close(): Promise<void> {
    for (const store of this.#opened) await store.close();
    await this.engine.dispose();
  }

  /** The first store. */
  get store(): ChatStore {
    return this.#opened[0]!;
  }

  /** A draft of a text by the sender's usual device; `membershipVersion` is 1, that of the `created` entry. */
  draft(conversationId: string, senderId: string, overrides: Partial<Draft> = {}): Draft {
    const deviceId = this.#devices.get(senderId) ?? uuid();
    this.#devices.set(senderId, deviceId);
    return {
      conversationId,
      senderId,
      deviceId,
      clientMessageId: uuid(),
      kind: ENTRY_KINDS.text,
      text: `text ${++this.#made}`,
      createdAt: 1_700_000_000_000 + this.#made,
      countsAsUnread: true,
      membershipVersion: 1,
      ...overrides,
    };
  }

  async append(drafts: readonly Draft[], store: ChatStore = this.store): Promise<readonly AppendOutcome[]> {
    return store.messages.append(drafts);
  }

  /**
   * Stores many drafts of one conversation that has one entry. Where the log lies in another store they go there alone, and the rows follow with
   * the next look.
   */
  async appendMany(drafts: readonly Draft[]): Promise<readonly AppendOutcome[]> {
    const log = this.engine.log?.();
    if (log === undefined) return this.append(drafts);
    await log.open(runtime);
    const outcomes: AppendOutcome[] = [];
    for (let at = 0; at < drafts.length; at += log.draftsAtOnce) {
      const some = drafts.slice(at, at + log.draftsAtOnce).map((draft, index) => ({
        draft,
        refusal: () => undefined,
        note: (outcome: AppendOutcome) => (outcomes[at + index] = outcome),
      }));
      await log.append(drafts[0]!.conversationId, some, 1);
    }
    await log.close();
    return outcomes;
  }

  /** Appends one draft that must be stored. */
  async stored(draft: Draft, store: ChatStore = this.store): Promise<StoredEntry> {
    const [outcome] = await this.append([draft], store);
    assert.equal(outcome?.status, "stored", describeOutcome(outcome));
    return entryOf(outcome);
  }

  /** Stores a text under the present membership. */
  async say(
    conversationId: string,
    senderId: string,
    overrides: Partial<Draft> = {},
    store: ChatStore = this.store,
  ): Promise<StoredEntry> {
    const membershipVersion = await this.membershipVersion(conversationId, store);
    return this.stored(this.draft(conversationId, senderId, { membershipVersion, ...overrides }), store);
  }

  /** The draft of a membership entry. */
  membershipDraft(
    conversationId: string,
    senderId: string,
    membership: MembershipChange,
    overrides: Partial<Draft> = {},
  ): Draft {
    const { text: _, ...draft } = this.draft(conversationId, senderId);
    const added = membership.add.length > 0;
    const members = added ? membership.add.map(({ userId }) => userId) : membership.remove;
    return {
      ...draft,
      kind: added ? ENTRY_KINDS.membersAdded : ENTRY_KINDS.membersRemoved,
      data: { members },
      countsAsUnread: false,
      membership,
      ...overrides,
    };
  }

  /** Stores an entry of kind `redacted` or `erased`, by somebody who is nobody's device. */
  async redact(
    conversationId: string,
    redaction: RedactionTarget,
    overrides: Partial<Draft> = {},
  ): Promise<AppendOutcome> {
    const { text: _, ...draft } = this.draft(conversationId, "moderator");
    const kind = redaction.messageId === undefined ? ENTRY_KINDS.erased : ENTRY_KINDS.redacted;
    const membershipVersion = await this.membershipVersion(conversationId);
    const whole = { ...draft, kind, redaction, membershipVersion, countsAsUnread: false, ...overrides };
    return (await this.append([whole]))[0]!;
  }

  /** Makes a group; the first member is its owner. */
  async group(
    conversationId: string,
    members: readonly string[],
    store: ChatStore = this.store,
  ): Promise<void> {
    const creatorId = members[0]!;
    await store.conversations.reserve({ conversationId, type: "group", creatorId, createdAt: 7 });
    await this.stored(this.createdDraft(conversationId, members), store);
  }

  createdDraft(conversationId: string, members: readonly string[]): Draft {
    const add = members.map((userId, index) => ({
      userId,
      role: index === 0 ? ("owner" as const) : ("member" as const),
    }));
    return this.membershipDraft(
      conversationId,
      members[0]!,
      { add, remove: [] },
      { kind: ENTRY_KINDS.created, membershipVersion: 0 },
    );
  }

  /** Adds members, as members. */
  async join(conversationId: string, ...userIds: string[]): Promise<StoredEntry> {
    const add = userIds.map((userId) => ({ userId, role: "member" as const }));
    return this.changeMembers(conversationId, { add, remove: [] });
  }

  /** Removes members. */
  async leave(conversationId: string, ...userIds: string[]): Promise<StoredEntry> {
    return this.changeMembers(conversationId, { add: [], remove: userIds });
  }

  async changeMembers(conversationId: string, membership: MembershipChange): Promise<StoredEntry> {
    const membershipVersion = await this.membershipVersion(conversationId);
    return this.stored(this.membershipDraft(conversationId, "admin", membership, { membershipVersion }));
  }

  /** Stores an entry that changes roles. */
  async setRoles(conversationId: string, ...roles: (readonly [string, Role])[]): Promise<StoredEntry> {
    const membershipVersion = await this.membershipVersion(conversationId);
    const change = { add: [], remove: [], roles: roles.map(([userId, role]) => ({ userId, role })) };
    const overrides = { kind: ENTRY_KINDS.rolesChanged, data: { roles }, membershipVersion };
    return this.stored(this.membershipDraft(conversationId, "owner", change, overrides));
  }

  /** Stores an entry that changes the conversation itself. */
  async update(conversationId: string, update: ConversationUpdate): Promise<StoredEntry> {
    const membershipVersion = await this.membershipVersion(conversationId);
    const { text: _, ...draft } = this.draft(conversationId, "owner");
    return this.stored({
      ...draft,
      kind: ENTRY_KINDS.updated,
      data: update as JsonObject,
      countsAsUnread: false,
      membershipVersion,
      update,
      ...(update.historyVisibility !== undefined && { membership: { add: [], remove: [] } }),
    });
  }

  async membershipVersion(conversationId: string, store: ChatStore = this.store): Promise<number> {
    return (await store.messages.heads([conversationId])).get(conversationId)?.membershipVersion ?? 0;
  }

  /** The whole log. */
  async log(conversationId: string, store: ChatStore = this.store): Promise<readonly StoredEntry[]> {
    const entries: StoredEntry[] = [];
    for (;;) {
      const after = entries[entries.length - 1]?.messageId ?? 0;
      const before = Number.MAX_SAFE_INTEGER;
      const query = {
        conversationId,
        after,
        before,
        order: "ascending",
        limit: 200,
        maxBytes: 1_000_000,
      } as const;
      const part = await store.messages.read(query);
      if (part.length === 0) return entries;
      entries.push(...part);
    }
  }

  /** The whole conversation list of a user, page by page, and the cursor of its first page. */
  async list(
    userId: string,
    limit = 100,
  ): Promise<{ readonly rows: ConversationRow[]; readonly cursor: string }> {
    const first = await this.store.conversations.list(userId, { limit });
    const rows = [...first.items];
    for (let next = first.next; next !== undefined;) {
      const page = await this.store.conversations.list(userId, { limit, page: next });
      rows.push(...page.items);
      next = page.next;
    }
    return { rows, cursor: first.cursor };
  }

  /** All changes since a cursor, page by page. */
  async changesSince(
    userId: string,
    cursor: string,
    limit = 100,
  ): Promise<{ readonly rows: ConversationRow[]; readonly cursor: string }> {
    const rows: ConversationRow[] = [];
    for (let at = cursor; ;) {
      const answer = await this.store.conversations.listChanges(userId, { limit, cursor: at });
      rows.push(...answer.rows);
      at = answer.cursor;
      if (!answer.more) return { rows, cursor: at };
    }
  }

  async row(userId: string, conversationId: string): Promise<ConversationRow> {
    const row = await this.store.conversations.row(userId, conversationId);
    assert.ok(row, `${userId} has a row of ${conversationId}`);
    return row;
  }
}

/** `status`, or `status code` of a refusal. */
export function describeOutcome(outcome: AppendOutcome | undefined): string {
  if (outcome === undefined) return "no outcome";
  return outcome.status === "refused" ? `refused ${outcome.error.code}` : outcome.status;
}

/** All outcomes in short. */
export function statuses(outcomes: readonly AppendOutcome[]): string[] {
  return outcomes.map(describeOutcome);
}

/** The entry of an outcome that has one. */
export function entryOf(outcome: AppendOutcome | undefined): StoredEntry {
  assert.ok(outcome !== undefined && outcome.status !== "refused", describeOutcome(outcome));
  return outcome.entry;
}

/** Numbers from..to, both included. */
export function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** Checks that a promise rejects with a ChatError of this code. */
export async function assertRefused(promise: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    const found = (error as { code?: unknown }).code;
    assert.equal(
      found,
      code,
      `rejects with a ChatError of code ${code}, not with ${String(error)} (${String(found)})`,
    );
    return true;
  });
}

/** A small seeded generator (mulberry32), uniform in [0, 1): a case that fails fails again. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
