import "fake-indexeddb/auto";
import { IDBDatabase } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ChatError } from "@chat/protocol";
import { memoryCache } from "../../src/cache/memory-cache.js";
import * as CLIENT_LIMITS from "../../src/client-limits.js";
import "../../src/timeline/open-window.js";
import { createChatClient } from "../../src/index.js";
import { type Presence, presenceOf } from "../../src/presence/index.js";
import type { ChatClient, ChatClientOptions, SentMessage } from "../../src/public-types.js";
import { fakeServer, type FakeServer } from "../../src/testing/fake-server.js";
import { type VirtualClock, virtualClock, virtualRuntime } from "../../src/testing/virtual-clock.js";
import { texts } from "../world.js";
import { FakeBrowser, type FakeTab } from "./fake-browser.js";

interface Opened {
  readonly tab: FakeTab;
  readonly client: ChatClient;
  /** Texts that listeners were told. */
  readonly heard: string[];
}

let clock: VirtualClock;
let server: FakeServer;
let browser: FakeBrowser;
let opened: Opened[];
let seed = 0;

beforeEach(() => {
  clock = virtualClock();
  server = fakeServer({ runtime: virtualRuntime(clock, 7) });
  browser = new FakeBrowser();
  opened = [];
  server.createGroup(["ana", "bo"], "room");
});

afterEach(async () => {
  for (const { tab, client } of opened) {
    tab.thaw();
    void client.close();
  }
  await pass(100);
});

/** Time passes, for the virtual clock and for the database. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left >= 0; left -= 50) {
    await clock.advance(Math.min(50, left));
    for (let turn = 0; turn < 8; turn++) await new Promise(setImmediate);
  }
}

function open(options: Partial<ChatClientOptions> = {}): Opened {
  const tab = browser.tab();
  const runtime = {
    ...virtualRuntime(clock, ++seed),
    clock: {
      ...clock,
      schedule: (delay: number, work: () => void) => clock.schedule(delay, () => tab.deliver(work)),
    },
  };
  const given = {
    url: "wss://chat.test/",
    userId: "ana",
    token: "a token",
    runtime,
    transport: server.connect,
  };
  const client = tab.run(() => createChatClient({ ...given, ...options }));
  const heard: string[] = [];
  client.on("message", ({ message }) => heard.push(message.text!));
  const all = { tab, client, heard };
  opened.push(all);
  return all;
}

async function openTwo(): Promise<[Opened, Opened]> {
  const leader = open();
  await pass(300);
  const follower = open();
  await pass(300);
  for (const { client } of [leader, follower]) texts(client, "room");
  await pass(200);
  return [leader, follower];
}

/** Sends, and waits until it is kept. */
async function send({ client }: Opened, text: string): Promise<SentMessage> {
  const sending = client.conversations.get("room")!.send(text);
  await pass(100);
  return sending;
}

function stored(): string[] {
  return server.log("room").flatMap(({ text }) => text ?? []);
}

/** Of the sockets that are open, by their device. */
function devices(): string[] {
  return server.sessions.map(({ deviceId }) => deviceId);
}

describe("two tabs", () => {
  test("show and set alike what the user tells others", async () => {
    const [leader, follower] = await openTwo();
    const set = follower.client.setPrivacy({ readReceipts: false });
    await pass(300);
    await set;
    for (const { client } of [leader, follower]) {
      expect(client.privacy).toMatchObject({ typing: true, readReceipts: false });
    }
    const third = open();
    await pass(300);
    expect(third.client.privacy.readReceipts).toBe(false);
    // The same object, however often the tab that leads tells how it is.
    const before = [leader, follower, third].map(({ client }) => client.privacy);
    server.cut();
    await pass(5_000);
    for (const [index, { client }] of [leader, follower, third].entries()) {
      expect(client.status.synced).toBe(true);
      expect(client.privacy).toBe(before[index]);
      expect(client.privacy).toSatisfy(Object.isFrozen);
    }
    // Without a network as it was known last: in the tab that leads next, and in those that are opened then.
    server.faults.unreachable = true;
    leader.tab.crash();
    await pass(300);
    const fourth = open();
    await pass(300);
    for (const { client } of [follower, third, fourth]) {
      expect(client.status.connection).not.toBe("online");
      expect(client.privacy).toMatchObject({ typing: true, readReceipts: false });
    }
  });

  test("jump alike: a window of the one that follows is held for both", async () => {
    for (let id = 2; id <= 300; id++) server.post("room", "bo", `m${id}`);
    const [leader, follower] = await openTwo();
    const opening = follower.client.conversations.get("room")!.timeline.window({ around: 100, limit: 10 });
    await pass(300);
    const window = await opening;
    const texts = (): unknown[] => window.messages.map(({ text }) => text);
    expect(texts()).toEqual(Array.from({ length: 10 }, (_, index) => `m${96 + index}`));
    server.redact("room", "bo", 100);
    await pass(200);
    expect(texts()).not.toContain("m100");
    expect(window.messages[4]).toMatchObject({ messageId: 100, redacted: true });
    const asked = server.received.length;
    const again = leader.client.conversations.get("room")!.timeline.window({ around: 100, limit: 5 });
    await pass(100);
    expect((await again).messages.map(({ messageId }) => messageId)).toEqual([98, 99, 100, 101, 102]);
    expect((await again).messages[2]).not.toHaveProperty("text");
    expect(
      server.received.slice(asked).flatMap(({ frames }) => frames.map(({ type }) => type)),
    ).not.toContain("get-range");
    window.close();
  });

  test("are one device with one socket, and show the same", async () => {
    const [leader, follower] = await openTwo();
    expect(devices()).toHaveLength(1);
    for (const { client } of [leader, follower]) {
      expect(client.status).toMatchObject({ connection: "online", synced: true, storage: "persistent" });
    }
    server.post("room", "bo", "to both");
    await pass(200);
    const sent = [await send(follower, "from the second"), await send(leader, "from the first")];
    await pass(200);
    expect((await Promise.all(sent.map((message) => message.stored))).map(({ text }) => text)).toEqual([
      "from the second",
      "from the first",
    ]);
    const all = ["to both", "from the second", "from the first"];
    expect(stored()).toEqual(all);
    for (const { client, heard } of [leader, follower]) {
      expect(texts(client, "room")).toEqual(all);
      expect(heard).toEqual(all);
      expect(client.status.pending).toBe(0);
    }
    expect(devices()).toHaveLength(1);
  });

  test("share what one of them asks for", async () => {
    const [leader, follower] = await openTwo();
    const creating = follower.client.conversations.createGroup({ name: "new", members: ["bo"] });
    await pass(200);
    const { id } = await creating;
    expect(leader.client.conversations.get(id)?.summary.name).toBe("new");
    const sending = follower.client.conversations.get(id)!.send("here");
    await pass(200);
    await (
      await sending
    ).stored;
    expect(texts(leader.client, id)).toEqual([]);
    await pass(200);
    expect(texts(leader.client, id)).toEqual(["here"]);
    const naming = follower.client.users.setProfile({ name: "Ana" });
    await pass(200);
    await naming;
    expect(leader.client.users.get("ana")?.name).toBe("Ana");
    const failing = follower.client.conversations.fetch("nowhere");
    failing.catch(() => {});
    await pass(200);
    await expect(failing).rejects.toMatchObject({ code: "not_found" });
  });

  test("page back, each as far as it likes", async () => {
    for (let number = 1; number <= 120; number++) server.post("room", "bo", `m${number}`);
    const [leader, follower] = await openTwo();
    expect(texts(follower.client, "room")).toEqual(texts(leader.client, "room"));
    const { timeline } = follower.client.conversations.get("room")!;
    const before = timeline.messages.length;
    const loading = timeline.loadOlder();
    await pass(200);
    await loading;
    expect(timeline.messages.length).toBeGreaterThan(before);
    expect(leader.client.conversations.get("room")!.timeline.messages).toHaveLength(before);
    const shown = texts(follower.client, "room");
    server.post("room", "bo", "one more");
    await pass(200);
    expect(texts(follower.client, "room")).toEqual([...shown, "one more"]);
    // Also over a change of leaders.
    void leader.client.close();
    await pass(1_000);
    expect(follower.client.status.connection).toBe("online");
    expect(texts(follower.client, "room")).toEqual([...shown, "one more"]);
  });

  test("look at the same user, until neither does", async () => {
    const [leader, follower] = await openTwo();
    const [one, other] = [leader, follower].map(({ tab, client }) =>
      tab.run(() => {
        vi.stubGlobal("document", {});
        return presenceOf(client, { contacts: false });
      }),
    ) as [Presence, Presence];
    const statuses = (): unknown[] => [one, other].map((presence) => presence.get("bo")?.status);
    const ends = [one.watch(["bo"]), other.watch(["bo"])];
    await pass(300);
    expect(statuses()).toEqual(["offline", "offline"]);
    // Both tabs are one connection: what one forgets is forgotten for the other, too.
    for (const [end, again] of [
      [ends[1]!, other],
      [ends[0]!, one],
    ] as const) {
      end();
      await pass(300);
      const bo = open({ userId: "bo" });
      await pass(300);
      expect(statuses()).toContain("online");
      await bo.client.close();
      await pass(300);
      expect(statuses()).toContain("offline");
      again.watch(["bo"]);
      await pass(300);
      expect(statuses()).toEqual(["offline", "offline"]);
    }
  });

  test("whose looks are refused do not have each other look again", async () => {
    const [leader, follower] = await openTwo();
    server.faults.incoming = (frame) =>
      frame.type === "watch-presence" ? new ChatError("limit_exceeded", "too many") : undefined;
    for (const { tab, client } of [leader, follower]) {
      tab.run(() => {
        vi.stubGlobal("document", {});
        presenceOf(client, { contacts: false }).watch(["bo"]);
      });
    }
    await pass(1_000);
    const asked = (): number =>
      server.received.flatMap(({ frames }) => frames).filter(({ type }) => type === "watch-presence").length;
    const before = asked();
    expect(before).toBeGreaterThan(0);
    await pass(2_000);
    expect(asked()).toBe(before);
  });

  test("that try one failed message again at the same moment send it once", async () => {
    const [leader, follower] = await openTwo();
    const refuse = (): void => {
      server.faults.incoming = (frame) =>
        frame.type === "send-message" ? new ChatError("forbidden", "not you") : undefined;
    };
    refuse();
    const { clientMessageId } = await send(leader, "m1");
    const behind = await send(follower, "m2");
    await pass(300);
    const retry = ({ client }: Opened, key: string): Promise<SentMessage> =>
      client.conversations.get("room")!.retry(key);
    // Refused again: there is one still, in both.
    const refused = [retry(follower, clientMessageId), retry(leader, clientMessageId)];
    await pass(500);
    for (const { stored } of await Promise.all(refused)) {
      await expect(stored).rejects.toMatchObject({ code: "forbidden" });
    }
    for (const { client } of [leader, follower]) expect(texts(client, "room")).toEqual(["m2!", "m1!"]);
    server.faults.incoming = undefined;
    const both = [retry(leader, behind.clientMessageId), retry(follower, behind.clientMessageId)];
    await pass(500);
    for (const { stored } of await Promise.all(both)) expect(await stored).toMatchObject({ text: "m2" });
    const failed = follower.client.conversations.get("room")!.timeline.messages.find(({ error }) => error);
    const { key } = failed!;
    const again = retry(follower, key);
    await pass(20);
    const late = retry(leader, key).catch((error: unknown) => error);
    await pass(500);
    expect(await (await again).stored).toMatchObject({ text: "m1" });
    await late;
    expect(stored()).toEqual(["m2", "m1"]);
    for (const { client } of [leader, follower]) {
      expect(texts(client, "room")).toEqual(["m2", "m1"]);
      expect(client.status.pending).toBe(0);
    }
  });

  test("keep failed messages, which either may discard", async () => {
    const [leader, follower] = await openTwo();
    server.faults.incoming = (frame) =>
      frame.type === "send-message" ? new ChatError("forbidden", "no") : undefined;
    const { stored, clientMessageId } = await send(follower, "refused");
    await pass(100);
    await expect(stored).rejects.toMatchObject({ code: "forbidden" });
    for (const { client } of [leader, follower]) expect(texts(client, "room")).toEqual(["refused!"]);
    const discarding = leader.client.conversations.get("room")!.discard(clientMessageId);
    await pass(200);
    await discarding;
    for (const { client } of [leader, follower]) expect(texts(client, "room")).toEqual([]);
  });

  test("go offline and online together", async () => {
    const [leader, follower] = await openTwo();
    follower.client.disconnect();
    await pass(200);
    for (const { client } of [leader, follower]) expect(client.status.connection).toBe("offline");
    expect(devices()).toEqual([]);
    await send(follower, "later");
    expect(texts(leader.client, "room")).toEqual(["(later)"]);
    leader.client.connect();
    await pass(500);
    for (const { client } of [leader, follower]) expect(client.status.connection).toBe("online");
    expect(stored()).toEqual(["later"]);
  });
});

describe("another tab leads", () => {
  test("at once when the leading one is closed", async () => {
    const [leader, follower] = await openTwo();
    const [device] = devices();
    void leader.client.close();
    await pass(500);
    expect(devices()).toEqual([device]);
    expect(follower.client.status).toMatchObject({
      connection: "online",
      synced: true,
      storage: "persistent",
    });
    const conversation = follower.client.conversations.get("room");
    await send(follower, "still here");
    expect(stored()).toEqual(["still here"]);
    expect(follower.client.conversations.get("room")).toBe(conversation);
    expect(browser.locks.thefts).toBe(0);
  });

  test.each([0, 3, 9, 27])(
    "and is asked for what the closing one has no storage for any more (%i turns)",
    async (turns) => {
      const [leader, follower] = await openTwo();
      const errors: string[] = [];
      follower.client.on("error", ({ code }) => errors.push(code));
      // It has much to read still.
      for (let count = 0; count < 20; count++) void leader.client.conversations.get("room")!.markUnread(1);
      void leader.client.close();
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const creating = follower.client.conversations.createGroup({ members: ["bo"], name: "new" });
      const sent = await send(follower, "kept");
      await pass(3_000);
      expect((await creating).summary.name).toBe("new");
      await sent.stored;
      expect(stored()).toEqual(["kept"]);
      expect(texts(follower.client, "room")).toEqual(["kept"]);
      expect(follower.client.status).toMatchObject({
        storage: "persistent",
        connection: "online",
        pending: 0,
      });
      expect(errors).toEqual([]);
    },
  );

  test("when it crashes, and sends what was under way once", async () => {
    const [leader, follower] = await openTwo();
    server.faults.outgoing = (frame) =>
      frame.type === "message-stored" || frame.type === "entries" ? [] : [0];
    const sent = [await send(follower, "m1"), await send(follower, "m2")];
    expect(stored()).toEqual(["m1", "m2"]);
    expect(texts(follower.client, "room")).toEqual(["(m1)", "(m2)"]);
    leader.tab.crash();
    server.cut();
    server.faults.outgoing = undefined;
    await pass(1_000);
    await Promise.all(sent.map((message) => message.stored));
    expect(stored()).toEqual(["m1", "m2"]);
    expect(texts(follower.client, "room")).toEqual(["m1", "m2"]);
    expect(new Set(server.log("room").flatMap(({ deviceId, text }) => (text ? deviceId : []))).size).toBe(1);
  });

  test("when it is frozen, and what that one still writes is refused", async () => {
    const [leader, follower] = await openTwo();
    leader.tab.freeze();
    void send(follower, "m1");
    await pass(3 * CLIENT_LIMITS.tabInterval);
    expect(browser.locks.thefts).toBe(1);
    expect(follower.client.status).toMatchObject({ connection: "online", storage: "persistent" });
    expect(stored()).toEqual(["m1"]);
    // The other does not know yet, and has its socket still.
    server.post("room", "bo", "m2");
    await pass(200);
    await send(follower, "m3");
    leader.tab.thaw();
    await pass(1_000);
    for (const { client } of [leader, follower]) {
      expect(texts(client, "room")).toEqual(["m1", "m2", "m3"]);
      expect(client.status).toMatchObject({ connection: "online", synced: true, storage: "persistent" });
    }
    expect(stored()).toEqual(["m1", "m2", "m3"]);
    expect(devices()).toHaveLength(1);
    expect(browser.locks.thefts).toBe(1);
  });

  test("and keeps what is marked as read while it takes over, in it and in a third", async () => {
    const [leader, follower] = await openTwo();
    const third = open();
    await pass(300);
    for (let id = 2; id <= 4; id++) server.post("room", "bo", `m${id}`);
    await pass(500);
    expect(devices()).toHaveLength(1);
    // As a page does that becomes visible when the one before it is closed.
    let marked = 0;
    const mark = ({ client }: Opened, upTo: number): void =>
      void client.conversations
        .get("room")!
        .markRead(upTo)
        .then(() => marked++);
    mark(follower, 2);
    void leader.client.close();
    for (let turn = 0; turn < 30; turn++) {
      await Promise.resolve();
      if (turn % 10 === 9) mark(third, 3);
    }
    for (let turn = 0; turn < 3; turn++) {
      mark(follower, 4);
      await new Promise(setImmediate);
    }
    await pass(1_000);
    expect(marked).toBe(7);
    await pass(10_000);
    for (const { client } of [follower, third]) {
      expect(client.conversations.get("room")!.summary.unreadCount).toBe(0);
    }
    // It was not robbed by itself, for want of an answer.
    expect(browser.locks.thefts).toBe(0);
    const elsewhere = open({ cache: memoryCache(virtualRuntime(clock, 99)) });
    await pass(500);
    expect(elsewhere.client.conversations.get("room")!.summary.unreadCount).toBe(0);
  });

  test("and is not robbed by itself where it is told to go online before it has begun", async () => {
    const { client } = open();
    let connections = 0;
    client.subscribe(() => (connections += client.status.connection === "online" ? 0 : 1));
    for (let turn = 0; turn < 4; turn++) {
      client.connect();
      await new Promise(setImmediate);
    }
    await pass(300);
    expect(client.status.connection).toBe("online");
    connections = 0;
    await pass(10_000);
    expect(browser.locks.thefts).toBe(0);
    expect(connections).toBe(0);
  });

  test("of five, one after the other", async () => {
    const tabs: Opened[] = [];
    for (let count = 0; count < 5; count++) tabs.push(open());
    await pass(500);
    expect(devices()).toHaveLength(1);
    const all: string[] = [];
    for (const [index, tab] of tabs.entries()) {
      for (const { client } of tabs.slice(index)) texts(client, "room");
      await pass(100);
      await send(tabs.at(-1)!, `m${index}`);
      all.push(`m${index}`);
      await pass(300);
      for (const { client } of tabs.slice(index)) expect(texts(client, "room")).toEqual(all);
      void tab.client.close();
      await pass(500);
    }
    expect(stored()).toEqual(all);
    expect(devices()).toEqual([]);
  });
});

describe("a device of its own", () => {
  test("is each tab where locks are missing or forbidden", async () => {
    const [first, second] = [open(), open()];
    await pass(2_000);
    expect(first.client.status.storage).toBe("persistent");
    expect(second.client.status.storage).toBe("persistent");
    browser.locks.request = () => Promise.reject(new DOMException("Not here.", "SecurityError"));
    const third = open({ userId: "bo" });
    await pass(300);
    expect(third.client.status).toMatchObject({ storage: "memory", connection: "online" });
  });

  test("has each account, however it is spelled", async () => {
    const accounts = [
      ["https://a.test/chat", "ana"],
      ["https://a.test/chat", "bo"],
      ["https://b.test/chat", "ana"],
      ["https://a.test/chat", "ana bo"],
      ["https://a.test/chat ana", "bo"],
      ['https://a.test/chat","ana', "bo"],
      ["https://a.test/chat", 'ana","'],
    ] as const;
    for (const [url, userId] of accounts) open({ url, userId });
    await pass(300);
    expect(browser.locks.held).toHaveLength(accounts.length);
    expect(new Set(devices()).size).toBe(accounts.length);
    expect(await browser.indexedDB.databases()).toHaveLength(accounts.length);
  });
});

describe("logging out", () => {
  test.each(["the leading tab", "a tab that follows"])(
    "in %s ends all tabs of the user, and leaves nothing",
    async (which) => {
      const [leader, follower] = await openTwo();
      const other = open({ userId: "bo" });
      await pass(300);
      leader.client.disconnect();
      await pass(100);
      void send(follower, "never sent").catch(() => {});
      await pass(100);
      let done = false;
      const { client } = which === "the leading tab" ? leader : follower;
      void client.logout().then(() => (done = true));
      await pass(1_000);
      expect(done).toBe(true);
      for (const { client } of [leader, follower]) expect(client.status.connection).toBe("closed");
      expect((await browser.indexedDB.databases()).map(({ name }) => name)).toEqual([
        'chat ["wss://chat.test/","bo"]',
      ]);
      expect(browser.locks.held).toHaveLength(1);
      expect(other.client.status.connection).toBe("online");
      // Whoever comes next is a new device, and knows nothing.
      const next = open();
      await pass(500);
      expect(next.client.status).toMatchObject({ pending: 0, storage: "persistent", connection: "online" });
      expect(texts(next.client, "room")).toEqual([]);
      expect(stored()).toEqual([]);
    },
  );

  test("removes everything also after the client was closed", async () => {
    const [leader, follower] = await openTwo();
    await leader.client.close();
    let done = 0;
    void leader.client.logout().then(() => done++);
    void leader.client.logout().then(() => done++);
    await pass(1_000);
    expect(done).toBe(2);
    expect(follower.client.status.connection).toBe("closed");
    expect(await browser.indexedDB.databases()).toEqual([]);
    expect(browser.locks.held).toEqual([]);
  });

  test("reaches a tab that was frozen when it thaws", async () => {
    const [leader, follower] = await openTwo();
    leader.tab.freeze();
    let done = false;
    void follower.client.logout().then(() => (done = true));
    await pass(2_000);
    expect(done).toBe(true);
    server.post("room", "bo", "to nobody");
    await pass(500);
    leader.tab.thaw();
    await pass(500);
    expect(leader.client.status.connection).toBe("closed");
    expect(await browser.indexedDB.databases()).toEqual([]);
    expect(devices()).toEqual([]);
  });
});

test("where storage is refused the tabs share one device in memory, also when its leader goes", async () => {
  browser.indexedDB.open = () => {
    throw new DOMException("Not in a private window.", "SecurityError");
  };
  const [leader, follower] = await openTwo();
  for (const { client } of [leader, follower]) expect(client.status.storage).toBe("memory");
  const [device] = devices();
  leader.client.disconnect();
  await pass(100);
  await send(follower, "waits");
  void leader.client.close();
  await pass(500);
  follower.client.connect();
  await pass(500);
  expect(devices()).toEqual([device]);
  expect(stored()).toEqual(["waits"]);
  expect(texts(follower.client, "room")).toEqual(["waits"]);
  expect(follower.client.status.storage).toBe("memory");
});

test("where storage fails the tabs go on together in memory, with what it refused", async () => {
  const [leader, follower] = await openTwo();
  const { transaction } = IDBDatabase.prototype;
  const full = vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(function (
    this: IDBDatabase,
    ...asked: Parameters<typeof transaction>
  ) {
    if (asked[1] === "readwrite") throw new DOMException("The disk is full.", "QuotaExceededError");
    return transaction.apply(this, asked);
  });
  const creating = follower.client.conversations.createGroup({ members: ["bo"], name: "made meanwhile" });
  server.post("room", "bo", "refused");
  await pass(500);
  full.mockRestore();
  expect((await creating).summary.name).toBe("made meanwhile");
  server.post("room", "bo", "later");
  await send(follower, "mine");
  await pass(500);
  for (const { client, heard } of [leader, follower]) {
    expect(client.status).toMatchObject({
      storage: "memory",
      connection: "online",
      synced: true,
      pending: 0,
    });
    expect(client.conversations.items).toHaveLength(2);
    expect(texts(client, "room")).toEqual(["refused", "later", "mine"]);
    expect(heard).toEqual(["refused", "later", "mine"]);
  }
});
