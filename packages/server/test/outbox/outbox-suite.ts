import { ChatError, type Runtime, systemRuntime } from "@chat/protocol";
import {
  type AppendOutcome,
  type ChatServer,
  type ChatStore,
  createChatServer,
  type Draft,
  type OutboxDraft,
} from "@chat/server";
import { expect, it, onTestFinished } from "vitest";
import { pause } from "../store/insist.js";
import { upTo, uuid } from "../store/sqlite-drafts.js";

/** A transaction that the application has open, with what its driver calls it. */
interface OpenTransaction {
  readonly handle: unknown;
  /** Writes a row of the application's own. */
  insert(order: string): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** A database with the table `orders` of the application's. */
export interface OutboxDatabase {
  store(): ChatStore;
  begin(): Promise<OpenTransaction>;
  /** The application's rows. */
  orders(): Promise<string[]>;
  /** The refusals that are kept. */
  refusals(): Promise<string[]>;
  dispose(): Promise<void>;
}

/** @param holdsTheStore true where a transaction that is open keeps everybody else from writing */
export function outboxSuite(create: () => Promise<OutboxDatabase>, { holdsTheStore = false } = {}): void {
  async function open(): Promise<OutboxDatabase> {
    const database = await create();
    onTestFinished(() => database.dispose());
    return database;
  }

  async function serve(
    database: OutboxDatabase,
    { outbox = true, store = database.store() }: { outbox?: boolean; store?: ChatStore } = {},
  ): Promise<ChatServer> {
    const chat = createChatServer({
      store,
      runtime: hurried,
      outbox,
      authenticate: ({ token }) => ({ userId: token }),
    });
    await chat.ready();
    onTestFinished(() => chat.close());
    return chat;
  }

  async function groupOf(chat: ChatServer): Promise<string> {
    const { conversationId } = await chat.as("ana").createGroup({ members: ["bo"] });
    return conversationId;
  }

  async function texts(chat: ChatServer, conversationId: string): Promise<string[]> {
    const { entries } = await chat.system.history(conversationId, { limit: 200 });
    return entries.flatMap(({ text }) => (text === undefined ? [] : [text]));
  }

  async function until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) await pause(10);
  }

  it("sends what was committed with the application's rows, once and in order, as it was allowed", async () => {
    const database = await open();
    const chat = await serve(database);
    const conversationId = await groupOf(chat);
    const drafts: OutboxDraft[] = [];
    for (const index of upTo(20)) drafts.push(await chat.as("ana").draft(conversationId, `é ☃ ${index}`));
    const transaction = await database.begin();
    await transaction.insert("7");
    await chat.enqueue(transaction.handle, ...drafts.slice(0, 10));
    await chat.enqueue(transaction.handle, ...drafts.slice(10));
    await transaction.commit();
    await until(async () => (await texts(chat, conversationId)).length >= 20);
    expect(await texts(chat, conversationId)).toEqual(upTo(20).map((index) => `é ☃ ${index}`));
    expect(await database.orders()).toEqual(["7"]);
    const { entries } = await chat.as("bo").history(conversationId, { limit: 1 });
    expect(entries[0]).toMatchObject({ senderId: "ana", createdAt: drafts[19]!.createdAt });
  });

  it("leaves out who was mentioned and has left before it could be sent", async () => {
    const database = await open();
    const chat = await serve(database);
    const conversationId = await groupOf(chat);
    await chat.as("ana").addMembers(conversationId, ["cy"]);
    const content = { text: "hello", mentions: ["cy", "bo"] };
    const both = await chat.as("ana").draft(conversationId, content);
    const one = await chat.as("ana").draft(conversationId, { ...content, mentions: ["cy"] });
    await chat.as("cy").removeMembers(conversationId, ["cy"]);
    const transaction = await database.begin();
    await chat.enqueue(transaction.handle, both, one);
    await transaction.commit();
    await until(async () => (await texts(chat, conversationId)).length >= 2);
    const { entries } = await chat.as("bo").history(conversationId, { limit: 2 });
    expect(entries.map(({ mentions }) => mentions)).toEqual([["bo"], undefined]);
  });

  it("sends nothing of what was rolled back", async () => {
    const database = await open();
    const chat = await serve(database);
    const conversationId = await groupOf(chat);
    const lost = await chat.as("ana").draft(conversationId, "lost");
    const kept = await chat.as("ana").draft(conversationId, "kept");
    const transaction = await database.begin();
    await transaction.insert("7");
    await chat.enqueue(transaction.handle, lost);
    await transaction.rollback();
    const next = await database.begin();
    await chat.enqueue(next.handle, kept);
    await next.commit();
    await until(async () => (await texts(chat, conversationId)).length > 0);
    expect(await texts(chat, conversationId)).toEqual(["kept"]);
    expect(await database.orders()).toEqual([]);
  });

  it("has another server send what one has committed that ended at once, and once what both have seen", async () => {
    const database = await open();
    const first = await serve(database);
    const conversationId = await groupOf(first);
    const draft = await first.as("ana").draft(conversationId, "hello");
    const transaction = await database.begin();
    await first.enqueue(transaction.handle, draft);
    // Where an open transaction keeps everybody from writing, it can't give its lease back before.
    if (holdsTheStore) await transaction.commit();
    await first.close();
    if (!holdsTheStore) await transaction.commit();
    const others = [await serve(database), await serve(database)];
    await until(async () => (await texts(others[0]!, conversationId)).length > 0);
    // As if the server that stored it had ended before it removed it, and the device had sent it, too.
    const again = await database.begin();
    await others[1]!.enqueue(again.handle, draft, await others[1]!.as("ana").draft(conversationId, "bye"));
    await again.commit();
    await until(async () => (await texts(others[1]!, conversationId)).includes("bye"));
    expect(await texts(others[0]!, conversationId)).toEqual(["hello", "bye"]);
  });

  it("takes over from one that leads and is not heard of again, once its lease has run out", async () => {
    const database = await open();
    const dead = database.store();
    await dead.open({ runtime: hurried, groupMembers: 9 });
    expect(await dead.outbox!.lead({ owner: "dead", duration: 1_000 })).toBe(true);
    const chat = await serve(database);
    const conversationId = await groupOf(chat);
    const draft = await chat.as("ana").draft(conversationId, "hello");
    const transaction = await database.begin();
    await chat.enqueue(transaction.handle, draft);
    await transaction.commit();
    await until(async () => (await texts(chat, conversationId)).length > 0);
    expect(await texts(chat, conversationId)).toEqual(["hello"]);
    expect(await dead.outbox!.lead({ owner: "dead", duration: 1_000 })).toBe(false);
    await dead.close();
  });

  it("has two that both believe to hold the lease store each draft once, in order", async () => {
    const database = await open();
    const chat = await serve(database);
    const conversationId = await groupOf(chat);
    // A store of its own whose lease is given to whoever asks.
    const store = database.store();
    await serve(database, {
      store: { ...facade(store), outbox: { ...bound(store.outbox!), lead: () => Promise.resolve(true) } },
    });
    for (const round of upTo(5)) {
      const drafts: OutboxDraft[] = [];
      for (const index of upTo(20))
        drafts.push(await chat.as("ana").draft(conversationId, `${round}.${index}`));
      const transaction = await database.begin();
      await chat.enqueue(transaction.handle, ...drafts);
      await transaction.commit();
    }
    await until(async () => (await texts(chat, conversationId)).length >= 100);
    expect(await texts(chat, conversationId)).toEqual(
      upTo(5).flatMap((round) => upTo(20).map((index) => `${round}.${index}`)),
    );
  });

  // Where an open transaction keeps everybody from writing, there is nothing to see.
  const itUnlessHeld = holdsTheStore ? (): void => {} : it;
  itUnlessHeld("leaves the conversation to others while the application's transaction is open", async () => {
    const database = await open();
    const chat = await serve(database);
    const conversationId = await groupOf(chat);
    const transaction = await database.begin();
    await transaction.insert("7");
    await chat.enqueue(transaction.handle, await chat.as("ana").draft(conversationId, "late"));
    await chat.as("bo").send(conversationId, "early");
    await chat.as("ana").addMembers(conversationId, ["cy"]);
    const other = await database.begin();
    await chat.enqueue(other.handle, await chat.as("cy").draft(conversationId, "meanwhile"));
    await other.commit();
    await until(async () => (await texts(chat, conversationId)).length >= 2);
    await transaction.commit();
    await until(async () => (await texts(chat, conversationId)).length >= 3);
    expect(await texts(chat, conversationId)).toEqual(["early", "meanwhile", "late"]);
  });

  it("keeps what is refused by then, with the reason, and sends what others have committed", async () => {
    const database = await open();
    const chat = await serve(database);
    const conversationId = await groupOf(chat);
    const draft = await chat.as("bo").draft(conversationId, "too late");
    await chat.as("ana").removeMembers(conversationId, ["bo"]);
    const other = await chat.as("ana").draft(conversationId, "in time");
    const transaction = await database.begin();
    await chat.enqueue(transaction.handle, draft, other);
    await transaction.commit();
    await until(async () => (await database.refusals()).length > 0);
    expect(await database.refusals()).toEqual([expect.stringMatching(/^forbidden: You are no member/)]);
    await until(async () => (await texts(chat, conversationId)).length > 0);
    expect(await texts(chat, conversationId)).toEqual(["in time"]);
  });

  it("stores what stands behind more than a page of drafts that can't be stored now, and then these, in order", async () => {
    const database = await open();
    const store = database.store();
    const chat = await serve(database, { store, outbox: true });
    const [stuck, free] = [await groupOf(chat), await groupOf(chat)];
    const append = store.messages.append.bind(store.messages);
    let isStuck = true;
    const away = new ChatError("store_unavailable", "A part of the store is away.");
    Object.assign(store.messages, {
      async append(drafts: readonly Draft[]): Promise<readonly AppendOutcome[]> {
        const isRefused = isStuck && drafts[0]!.conversationId === stuck;
        return isRefused ? drafts.map(() => ({ status: "refused", error: away })) : append(drafts);
      },
    });
    const drafts: OutboxDraft[] = [];
    for (const index of upTo(450)) drafts.push(await chat.as("ana").draft(stuck, `${index}`));
    const transaction = await database.begin();
    await chat.enqueue(transaction.handle, ...drafts, await chat.as("ana").draft(free, "goes"));
    await transaction.commit();
    await until(async () => (await texts(chat, free)).length > 0);
    expect(await texts(chat, stuck)).toEqual([]);
    isStuck = false;
    await until(async () => (await texts(chat, stuck)).at(-1) === "450");
    const { entries } = await chat.system.history(stuck, { after: 1, limit: 200 });
    expect(entries.map(({ text }) => text)).toEqual(upTo(200).map(String));
    expect(await database.refusals()).toEqual([]);
  });

  it("keeps nothing of an erased user, refused or still to be sent, and sends what others have committed", async () => {
    const database = await open();
    const chat = await serve(database);
    const conversationId = await groupOf(chat);
    const tooLate = await chat.as("bo").draft(conversationId, "too late");
    await chat.as("ana").removeMembers(conversationId, ["bo"]);
    const transaction = await database.begin();
    await chat.enqueue(transaction.handle, tooLate);
    await transaction.commit();
    await until(async () => (await database.refusals()).length > 0);
    await chat.as("ana").addMembers(conversationId, ["bo"]);
    await chat.close();
    // Nobody sends what is committed now.
    const store = database.store();
    const idle = await serve(database, { outbox: false, store });
    const drafts: OutboxDraft[] = [];
    for (const index of upTo(250)) drafts.push(await idle.as("bo").draft(conversationId, `${index}`));
    drafts.push(await idle.as("ana").draft(conversationId, "stays"));
    const next = await database.begin();
    await store.outbox!.write(next.handle, drafts);
    await next.commit();
    await idle.eraseUser("bo");
    expect(await database.refusals()).toEqual([]);
    const last = await serve(database);
    await until(async () => (await texts(last, conversationId)).length > 0);
    expect(await texts(last, conversationId)).toEqual(["stays"]);
  });

  it("refuses at once who may not send, what is no message and what is no transaction", async () => {
    const database = await open();
    const chat = await serve(database);
    const conversationId = await groupOf(chat);
    await expect(chat.as("eve").draft(conversationId, "hi")).rejects.toMatchObject({ code: "not_found" });
    await expect(chat.as("ana").draft(conversationId, "")).rejects.toMatchObject({ code: "text_empty" });
    const draft = await chat.as("ana").draft(conversationId, "hi", { clientMessageId: uuid() });
    await expect((async () => chat.enqueue({}, draft))()).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/^The transaction must be/) as string,
    });
    const idle = await serve(database, { outbox: false });
    const transaction = await database.begin();
    expect(() => idle.enqueue(transaction.handle, draft)).toThrow(/outbox: true/);
    await transaction.rollback();
  });
}

const system = systemRuntime();

/** A server that does not lead looks every 3.3 s whether it may; here as often as one that does. */
const hurried: Runtime = {
  ...system,
  log: () => {},
  clock: {
    ...system.clock,
    schedule: (delay, callback) =>
      system.clock.schedule(delay > 3_000 && delay < 3_500 ? 100 : delay, callback),
  },
};

/** A store as a plain object. */
function facade(store: ChatStore): ChatStore {
  return {
    messages: store.messages,
    conversations: store.conversations,
    housekeeping: store.housekeeping,
    pushes: store.pushes,
    open: (options) => store.open(options),
    watch: (listener) => store.watch(listener),
    close: () => store.close(),
  };
}

function bound(outbox: NonNullable<ChatStore["outbox"]>): NonNullable<ChatStore["outbox"]> {
  return {
    write: (transaction, drafts) => outbox.write(transaction, drafts),
    lead: (lead) => outbox.lead(lead),
    queued: (limit, after) => outbox.queued(limit, after),
    remove: (numbers) => outbox.remove(numbers),
    refuse: (number, refusal) => outbox.refuse(number, refusal),
    forget: (senderId) => outbox.forget(senderId),
  };
}
