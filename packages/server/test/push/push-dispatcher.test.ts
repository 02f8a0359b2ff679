import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import {
  type ChatServer,
  type ChatServerOptions,
  type ChatStore,
  createChatServer,
} from "../../src/index.js";
import { sqlite } from "../../src/store/sqlite/index.js";
import { openServer, temporaryFolder } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";
import { RecordingProvider } from "./recording-provider.js";

const SECOND = 1_000;

/** A server whose time the test moves, with a room of ana, bo and cy; bo and cy have phones. */
async function world(
  options: Partial<ChatServerOptions> = {},
  storeOf: (store: ChatStore) => ChatStore = (store) => store,
) {
  const clock = new VirtualClock();
  const provider = new RecordingProvider();
  const file = join(temporaryFolder(), "chat.db");
  const open = (more: Partial<ChatServerOptions> = {}) =>
    openServer({ push: { providers: [provider] }, ...options, runtime: clock.runtime, ...more }, file);
  const database = new Database(file);
  onTestFinished(() => void database.close());
  const server = await open({ store: storeOf(sqlite(database)) });
  await server.as("ana").createGroup({ id: "room", name: "Room", members: ["bo", "cy"] });
  for (const userId of ["bo", "cy"]) await subscribe(server, userId);
  /** Time goes by in small steps, between which all that is due gets done. */
  async function pass(duration: number): Promise<void> {
    for (let left = duration; left > 0; left -= 250) {
      await clock.settle();
      clock.advance(Math.min(left, 250));
    }
    await clock.settle();
  }
  await pass(2 * SECOND);
  return { clock, provider, server, open, pass };
}

/** An object with some methods of one's own. */
function withOwn<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      if (name in own) return own[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

function subscribe(server: ChatServer, userId: string, token = `${userId}'s phone`) {
  const deviceId = crypto.randomUUID();
  return server.as(userId, { deviceId }).setPush({ provider: "memory", target: { token } });
}

it("tells whom no device of has taken a message, once the delay is over, and not before", async () => {
  const { provider, server, pass } = await world();
  await server.as("ana").setProfile({ name: "Ana" });
  const { createdAt } = await server.as("ana").send("room", "hello");
  await pass(4 * SECOND);
  expect(provider.sent).toEqual([]);
  await pass(3 * SECOND);
  expect(provider.told.sort()).toEqual(["bo's phone: hello (1)", "cy's phone: hello (1)"]);
  const [push] = provider.sent;
  expect(push).toMatchObject({
    payload: {
      ...{ conversationId: "room", conversationType: "group", conversationName: "Room", messageId: 2 },
      ...{ senderId: "ana", senderName: "Ana", kind: "text", text: "hello", createdAt, unread: 1 },
    },
    timeToLive: 86_400_000,
  });
  expect(push!.payload).not.toHaveProperty("userId");
  expect(push!.collapseKey).toMatch(/^[\w-]{32}$/);
  await pass(60 * SECOND);
  expect(provider.sent).toHaveLength(2);
});

it("tells nobody of whom a device has it, nor the sender, nor of what is no message", async () => {
  const { provider, server, pass } = await world();
  await subscribe(server, "ana");
  const { messageId } = await server.as("ana").send("room", "hello");
  await server.as("bo").sendReceipt("room", { delivered: messageId });
  await server.as("ana").update("room", { name: "Another name" });
  await server.as("ana").addMembers("room", ["di"]);
  await pass(10 * SECOND);
  expect(provider.told).toEqual(["cy's phone: hello (1)"]);
});

it("is quiet about what was redacted, and tells of the message before", async () => {
  const { provider, server, pass } = await world();
  await server.as("bo").sendReceipt("room", { delivered: 1 });
  await server.as("ana").send("room", "stays");
  const { messageId } = await server.as("ana").send("room", "slipped");
  await server.as("ana").redact("room", messageId);
  await pass(10 * SECOND);
  expect(provider.told.sort()).toEqual(["bo's phone: stays (2)", "cy's phone: stays (2)"]);
});

it("tells of many messages by one push, of the newest, with what is unread", async () => {
  const { provider, server, pass } = await world();
  for (let number = 1; number <= 30; number++) await server.as("ana").send("room", `message ${number}`);
  await pass(10 * SECOND);
  expect(provider.told.sort()).toEqual(["bo's phone: message 30 (30)", "cy's phone: message 30 (30)"]);
});

it("lets the application write what is said, or say nothing", async () => {
  const provider = new RecordingProvider();
  const compose: NonNullable<ChatServerOptions["push"]>["compose"] = ({ userId, unread }) => {
    if (userId === "cy") throw new Error("a defect");
    return userId === "bo" ? { title: `${unread} new` } : undefined;
  };
  const { server, pass } = await world({ push: { providers: [provider], compose } });
  await server.as("ana").addMembers("room", ["di"]);
  await subscribe(server, "di");
  await server.as("ana").send("room", "secret");
  await pass(10 * SECOND);
  expect(provider.sent.map(({ payload }) => payload)).toEqual([{ title: "1 new" }]);
});

it("is quiet where a user has muted the conversation, until that is over", async () => {
  const { clock, provider, server, pass } = await world();
  const mute = (userId: string, until: number) => server.as(userId).mute("room", until);
  await mute("bo", Number.MAX_SAFE_INTEGER);
  await mute("cy", clock.runtime.clock.now() + 30 * SECOND);
  await server.as("ana").send("room", "one");
  await pass(10 * SECOND);
  expect(provider.told).toEqual([]);
  await pass(30 * SECOND);
  await server.as("ana").send("room", "two");
  await pass(10 * SECOND);
  expect(provider.told).toEqual(["cy's phone: two (2)"]);
  await mute("bo", 0);
  await server.as("ana").send("room", "three");
  await pass(10 * SECOND);
  expect(provider.told.slice(1).sort()).toEqual(["bo's phone: three (3)", "cy's phone: three (3)"]);
});

it("tells whom a message mentions also where the user has muted the conversation, unless mentions are muted", async () => {
  const { provider, server, pass } = await world();
  await server.as("bo").mute("room", Number.MAX_SAFE_INTEGER);
  await server.as("cy").mute("room", Number.MAX_SAFE_INTEGER, { mentionsMuted: true });
  await server.as("ana").send("room", "nobody");
  await server.as("ana").send("room", { text: "@bo @cy", mentions: ["bo", "cy"] });
  // Much comes behind it.
  for (let number = 1; number <= 60; number++) await server.as("ana").send("room", `message ${number}`);
  await pass(10 * SECOND);
  expect(provider.told).toEqual(["bo's phone: @bo @cy (62)"]);
  expect(provider.sent[0]!.payload).toMatchObject({ messageId: 3, mention: true });
  await server.as("ana").send("room", { text: "@cy", mentions: ["cy"] });
  await pass(10 * SECOND);
  expect(provider.sent).toHaveLength(1);
  await server.as("cy").mute("room", Number.MAX_SAFE_INTEGER);
  await server.as("ana").send("room", { text: "@cy again", mentions: ["cy"] });
  await pass(10 * SECOND);
  expect(provider.told.slice(1)).toEqual(["cy's phone: @cy again (64)"]);
});

it("says that a message mentions the user, and tells of a mention rather than of what came behind it", async () => {
  const { provider, server, pass } = await world();
  await server.as("cy").setProfile({ name: "Cy" });
  await server.as("cy").send("room", { text: "@bo", mentions: ["bo"] });
  await server.as("ana").send("room", "and so on");
  await pass(10 * SECOND);
  expect(provider.told.sort()).toEqual(["bo's phone: @bo (2)", "cy's phone: and so on (1)"]);
  const mentioning = provider.sent.filter(({ payload }) => payload["mention"]);
  expect(mentioning.map(({ payload }) => payload["senderName"])).toEqual(["Cy"]);
  // What a device has, it needs not be told again.
  const { messageId } = await server.as("ana").send("room", { text: "@bo there?", mentions: ["bo"] });
  await server.as("bo").sendReceipt("room", { delivered: messageId });
  await server.as("ana").send("room", "hello?");
  await pass(10 * SECOND);
  expect(provider.told.slice(2).filter((line) => line.startsWith("bo"))).toEqual(["bo's phone: hello? (4)"]);
});

it("tells nobody of whom they have blocked, but of what others have said before", async () => {
  const { provider, server, pass } = await world();
  await server.as("cy").setPrivacy({ block: ["bo"] });
  await server.as("bo").send("room", { text: "hey @cy", mentions: ["cy"] });
  await pass(10 * SECOND);
  expect(provider.told).toEqual([]);
  await server.as("ana").send("room", "hello");
  const { messageId } = await server.as("bo").send("room", "hey you");
  await server.as("bo").send("room", { text: "@cy!", mentions: ["cy"] });
  await pass(10 * SECOND);
  expect(provider.told).toEqual(["cy's phone: hello (4)"]);
  // A device that has taken what was said before is told of nothing by what was blocked.
  await server.as("cy").sendReceipt("room", { delivered: messageId - 1 });
  await server.as("bo").send("room", "hello?");
  await pass(10 * SECOND);
  expect(provider.told).toHaveLength(1);
  await server.as("cy").setPrivacy({ unblock: ["bo"] });
  await server.as("bo").send("room", "thanks");
  await pass(10 * SECOND);
  expect(provider.told.slice(1)).toEqual(["cy's phone: thanks (6)"]);
});

it("is quiet about a mention that was redacted", async () => {
  const { provider, server, pass } = await world();
  await server.as("bo").mute("room", Number.MAX_SAFE_INTEGER);
  const { messageId } = await server.as("ana").send("room", { text: "@bo", mentions: ["bo"] });
  await server.as("ana").send("room", "sorry");
  await server.as("ana").redact("room", messageId);
  await pass(10 * SECOND);
  expect(provider.told).toEqual(["cy's phone: sorry (2)"]);
});

it("removes a subscription that leads nowhere", async () => {
  const { provider, server, pass } = await world();
  provider.answer = ({ target }) => ({ status: target["token"] === "bo's phone" ? "gone" : "sent" });
  await server.as("ana").send("room", "one");
  await pass(10 * SECOND);
  await server.as("ana").send("room", "two");
  await pass(10 * SECOND);
  expect(provider.told.sort()).toEqual(["bo's phone: one (1)", "cy's phone: one (1)", "cy's phone: two (2)"]);
});

it("tries three times, no earlier than it is asked to, and goes on with others meanwhile", async () => {
  const { provider, server, pass } = await world();
  const failed = { status: "failed", retryable: true, retryAfter: 20 * SECOND, reason: "503" } as const;
  provider.answer = ({ target }) => (target["token"] === "bo's phone" ? failed : { status: "sent" });
  const ofBo = () => provider.told.filter((line) => line.startsWith("bo")).length;
  await server.as("ana").send("room", "one");
  await pass(10 * SECOND);
  expect([ofBo(), provider.sent.length]).toEqual([1, 2]);
  await server.as("bo").createDirect({ id: "pair", members: ["cy"] });
  await server.as("bo").send("pair", "aside");
  await pass(12 * SECOND);
  expect(provider.told).toContain("cy's phone: aside (1)");
  await pass(8 * SECOND);
  expect(ofBo()).toBe(2);
  await pass(300 * SECOND);
  expect(ofBo()).toBe(3);
});

it("does not try again what was taken meanwhile, nor what will never work", async () => {
  const { provider, server, pass } = await world();
  provider.answer = ({ target }) => {
    return { status: "failed", retryable: target["token"] === "bo's phone", reason: "400" };
  };
  const { messageId } = await server.as("ana").send("room", "one");
  await pass(7 * SECOND);
  expect(provider.sent).toHaveLength(2);
  await server.as("bo").sendReceipt("room", { delivered: messageId });
  await pass(300 * SECOND);
  expect(provider.sent).toHaveLength(2);
});

it("waits for no service that does not answer", async () => {
  const { provider, server, pass } = await world();
  const aborted: string[] = [];
  provider.answer = ({ target }, signal) =>
    new Promise(() => signal.addEventListener("abort", () => aborted.push(target["token"] as string)));
  await server.as("ana").send("room", "one");
  await pass(120 * SECOND);
  expect(aborted.filter((token) => token === "bo's phone")).toHaveLength(3);
});

it("is done by one of several servers, and gone on with by another after a crash", async () => {
  const { provider, server, open, pass } = await world();
  const second = await open();
  await server.as("ana").send("room", "one");
  await second.as("ana").send("room", "two");
  await pass(10 * SECOND);
  expect(provider.told.sort()).toEqual(["bo's phone: two (2)", "cy's phone: two (2)"]);
  // The one that leads ends before the delay is over.
  await second.as("ana").send("room", "three");
  await pass(2 * SECOND);
  await server.close();
  expect(provider.sent).toHaveLength(2);
  await pass(25 * SECOND);
  expect(provider.told.slice(2).sort()).toEqual(["bo's phone: three (3)", "cy's phone: three (3)"]);
});

it("takes over from a server that was killed, and loses nothing that it had not told of", async () => {
  const { provider, server, open, pass } = await world();
  await server.as("ana").send("room", "one");
  await pass(8 * SECOND);
  await server.as("ana").send("room", "two");
  await pass(2 * SECOND);
  // Its timers run no more, and it gives nothing back.
  const other = new VirtualClock();
  other.advance(13 * SECOND);
  const second = await open({ runtime: other.runtime });
  await second.as("ana").send("room", "three");
  for (let waited = 0; waited < 60 * SECOND; waited += 250) {
    await other.settle();
    other.advance(250);
  }
  await other.settle();
  expect(provider.told.slice(2).sort()).toEqual(["bo's phone: three (3)", "cy's phone: three (3)"]);
});

it("does not try again what was redacted meanwhile, nor what somebody wrote who was blocked", async () => {
  const { provider, server, pass } = await world();
  provider.answer = () => ({ status: "failed", retryable: true, reason: "503" });
  const { messageId } = await server.as("ana").send("room", "slipped");
  await pass(7 * SECOND);
  expect(provider.told.sort()).toEqual(["bo's phone: slipped (1)", "cy's phone: slipped (1)"]);
  await server.as("bo").setPrivacy({ block: ["ana"] });
  await pass(5 * SECOND);
  expect(provider.told.slice(2)).toEqual(["cy's phone: slipped (1)"]);
  await server.as("ana").redact("room", messageId);
  await pass(40 * SECOND);
  expect(provider.sent).toHaveLength(3);
});

it("loses nothing that it was about to try again when it closes, in the middle of a look at the feed", async () => {
  let read: (() => void) | undefined;
  let isHeld = false;
  const { provider, server, open, pass } = await world({}, (store) =>
    withOwn(store, {
      housekeeping: withOwn(store.housekeeping, {
        async log(query) {
          if (isHeld) await new Promise<void>((resolve) => (read = resolve));
          return store.housekeeping.log(query);
        },
      }),
    }),
  );
  provider.answer = () => ({ status: "failed", retryable: true, retryAfter: 60 * SECOND, reason: "503" });
  await server.as("ana").send("room", "hello");
  await pass(6 * SECOND);
  expect(provider.told.sort()).toEqual(["bo's phone: hello (1)", "cy's phone: hello (1)"]);
  isHeld = true;
  await pass(2 * SECOND);
  const closed = server.close();
  await pass(SECOND);
  isHeld = false;
  read!();
  await pass(SECOND);
  await closed;
  provider.answer = () => ({ status: "sent" });
  await open();
  await pass(10 * SECOND);
  expect(provider.told.slice(2).sort()).toEqual(["bo's phone: hello (1)", "cy's phone: hello (1)"]);
});

it("leaves it to others when it is closed before it could begin", async () => {
  const { clock, provider, server, open, pass } = await world();
  await server.close();
  const database = new Database(join(temporaryFolder(), "chat.db"));
  onTestFinished(() => void database.close());
  const store = sqlite(database);
  let isThere = (): void => {};
  const options = { push: { providers: [provider] }, runtime: clock.runtime };
  const authenticate = (): { userId: string } => ({ userId: "ana" });
  const opening = new Promise<void>((resolve) => (isThere = resolve));
  const closing = createChatServer({
    ...{ ...options, authenticate },
    store: withOwn(store, { open: (settings) => opening.then(() => store.open(settings)) }),
  });
  const closed = closing.close();
  await pass(SECOND);
  isThere();
  await pass(SECOND);
  await closed;
  const other = await open({ store: sqlite(database) });
  await other.as("ana").createGroup({ id: "room", members: ["bo"] });
  await subscribe(other, "bo");
  await other.as("ana").send("room", "hello");
  await pass(10 * SECOND);
  expect(provider.told).toEqual(["bo's phone: hello (1)"]);
});

it("goes on when the store is away while a large group is waited for, and others are told", async () => {
  let isAway = false;
  const { provider, server, pass } = await world({ settings: { pushDelay: 100 } }, (store) =>
    withOwn(store, {
      pushes: withOwn(store.pushes, {
        audience: (...query) =>
          isAway ? Promise.reject(new Error("away")) : store.pushes.audience(...query),
      }),
    }),
  );
  const unheard: unknown[] = [];
  const hear = (reason: unknown): void => void unheard.push(reason);
  process.on("unhandledRejection", hear);
  onTestFinished(() => void process.off("unhandledRejection", hear));
  const many = Array.from({ length: 100 }, (_, at) => `u${at}`);
  await server.as("ana").addMembers("room", many);
  await server.as("bo").createDirect({ id: "pair", members: ["cy"] });
  await pass(2 * SECOND);
  isAway = true;
  await server.as("ana").send("room", "hello");
  await server.as("bo").send("pair", "aside");
  await pass(3 * SECOND);
  expect(unheard).toEqual([]);
  expect(provider.sent).toEqual([]);
  isAway = false;
  await pass(3 * SECOND);
  // Of a round that failed some pushes may come twice.
  expect([...new Set(provider.told)].sort()).toEqual([
    "bo's phone: hello (1)",
    "cy's phone: aside (1)",
    "cy's phone: hello (1)",
  ]);
});

it("waits for no application that does not say what a push says", async () => {
  const provider = new RecordingProvider();
  const { server, pass } = await world({
    push: { providers: [provider], compose: ({ userId }) => (userId === "bo" ? new Promise(() => {}) : {}) },
  });
  // More rounds than are tried at once.
  for (let round = 0; round < 8; round++) {
    await server.as("ana").send("room", "hello");
    await pass(2 * SECOND);
  }
  await pass(40 * SECOND);
  await server.as("ana").createDirect({ id: "pair", members: ["cy"] });
  await server.as("ana").send("pair", "aside");
  await pass(20 * SECOND);
  expect(provider.sent.filter(({ target }) => target["token"] === "cy's phone")).toHaveLength(9);
});

it("does not tell of what is older than it is worth", async () => {
  const { provider, server, open, pass } = await world({ settings: { pushMaxAge: 60 * SECOND } });
  const silent = await open({ push: undefined as never });
  await server.close();
  await silent.as("ana").send("room", "old");
  await pass(61 * SECOND);
  await silent.as("ana").createDirect({ id: "pair", members: ["bo"] });
  await silent.as("ana").send("pair", "fresh");
  await open();
  await pass(10 * SECOND);
  expect(provider.told).toEqual(["bo's phone: fresh (1)"]);
});

it("waits longer in a large group, whose devices take their time to say what they have", async () => {
  const { provider, server, pass } = await world();
  const many = Array.from({ length: 4_000 }, (_, at) => `u${at}`);
  for (let at = 0; at < many.length; at += 500)
    await server.as("ana").addMembers("room", many.slice(at, at + 500));
  await pass(2 * SECOND);
  await server.as("ana").send("room", "hello");
  await pass(8 * SECOND);
  expect(provider.sent).toEqual([]);
  await pass(4 * SECOND);
  expect(provider.told).toHaveLength(2);
});

it("tells nobody twice whom a second device of has subscribed under the same address", async () => {
  const { provider, server, pass } = await world();
  await subscribe(server, "bo", "shared tablet");
  await subscribe(server, "cy", "shared tablet");
  await server.as("ana").send("room", "hello");
  await pass(10 * SECOND);
  expect(provider.told.filter((line) => line.startsWith("shared"))).toEqual(["shared tablet: hello (1)"]);
});

it("refuses 10,000 devices of one user, and forgets them with the user", async () => {
  const { server } = await world();
  const outcomes = new Map<string, number>();
  for (let number = 0; number < 10_000; number++) {
    const outcome = await subscribe(server, "eve", `phone ${number}`).then(
      () => "kept",
      ({ code }: { code: string }) => code,
    );
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect(Object.fromEntries(outcomes)).toEqual({ kept: 50, limit_exceeded: 9_950 });
  const device = await RawDevice.open(server, "eve");
  expect(await device.ask({ type: "set-push", provider: "memory", target: { token: "x" } })).toMatchObject({
    type: "error",
    code: "limit_exceeded",
  });
  await server.eraseUser("eve");
  expect(await device.ask({ type: "set-push", provider: "memory", target: { token: "x" } })).toMatchObject({
    type: "push",
    providers: [{ name: "memory", publicKey: "public" }],
    provider: "memory",
  });
  expect(await device.ask({ type: "set-push" })).toMatchObject({ type: "push", providers: [{}] });
  expect(await device.ask({ type: "get-push" })).not.toHaveProperty("provider");
});

it("refuses what names no device and no provider", async () => {
  const { server } = await world();
  const device = server.as("bo", { deviceId: crypto.randomUUID() });
  const push = { provider: "memory", target: { token: "x" } };
  await expect(server.as("bo").setPush(push)).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(server.system.setPush(push)).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(device.setPush({ ...push, provider: "pigeon" })).rejects.toMatchObject({
    code: "invalid_argument",
  });
  const huge = { ...push, target: { token: "x".repeat(5_000) } };
  await expect(device.setPush(huge)).rejects.toMatchObject({ code: "data_invalid" });
});
