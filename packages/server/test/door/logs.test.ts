import { ChatError, type ClientFrame, type LogLevel } from "@chat/protocol";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { guardedLog } from "../../src/admission/guarded-log.js";
import { loggableDefect, loggableError } from "../../src/admission/loggable-error.js";
import {
  type ChatServer,
  type ChatServerOptions,
  type ChatStore,
  createChatServer,
} from "../../src/index.js";
import { sqlite } from "../../src/store/sqlite/index.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";

/** Stands in every place where people and applications put what is nobody's business. */
const SECRET = "hunter2-planted";

/** A driver's error, which quotes what it was given. */
class DriverError extends Error {
  override readonly name = "DriverError";
  readonly code = "SQLITE_CONSTRAINT";
}

/** The store, but that every call of these methods fails, quoting all that it was given. */
function failing<T extends object>(
  target: T,
  when: () => boolean,
  errorOf = (sentence: string): Error => new DriverError(sentence),
): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== "function") return value;
      return (...given: unknown[]): unknown => {
        if (when()) throw errorOf(`${String(name)} failed for ${SECRET} ${JSON.stringify(given)}`);
        return Reflect.apply(value, object, given);
      };
    },
  });
}

interface Watched {
  readonly lines: string[];
  readonly events: Set<string>;
  readonly server: ChatServer;
  readonly clock: VirtualClock;
  fail(fails: boolean): void;
}

async function watch(
  options: Partial<ChatServerOptions> = {},
  storeOf = (store: ChatStore): ChatStore => store,
): Promise<Watched> {
  const lines: string[] = [];
  const events = new Set<string>();
  const clock = new VirtualClock();
  const database = new Database(":memory:");
  const store = sqlite(database, { allowVolatile: true });
  let fails = false;
  const faulty: ChatStore = {
    open: (open) => store.open(open),
    close: () => store.close(),
    messages: failing(store.messages, () => fails),
    conversations: failing(store.conversations, () => fails),
    housekeeping: failing(store.housekeeping, () => fails),
    pushes: failing(store.pushes, () => fails),
    watch: (listener) => store.watch(listener),
  };
  const server = createChatServer({
    store: storeOf(faulty),
    authenticate({ token }) {
      if (token.startsWith("bad")) throw new DriverError(`no such token: ${token}`);
      return { userId: token.split("/")[0]! };
    },
    runtime: {
      ...clock.runtime,
      log(level: LogLevel, event, fields) {
        events.add(event);
        lines.push(JSON.stringify({ level, event, ...fields }));
      },
    },
    ...options,
  });
  onTestFinished(async () => {
    await server.close();
    database.close();
  });
  await server.ready().catch(() => {});
  return { lines, events, server, clock, fail: (wanted) => (fails = wanted) };
}

type Unsent<F> = F extends unknown ? Omit<F, "requestId"> : never;

/** Every request of a device, with a secret wherever there is room for one. */
function requests(): Unsent<ClientFrame>[] {
  const clientMessageId = crypto.randomUUID();
  const inRoom = { conversationId: "room", clientMessageId };
  const fresh = (): string => crypto.randomUUID();
  return [
    {
      type: "create-conversation",
      conversationType: "group",
      ...inRoom,
      members: ["bo"],
      name: SECRET,
      data: { secret: SECRET },
    },
    {
      type: "send-message",
      ...inRoom,
      clientMessageId: fresh(),
      text: SECRET,
      data: { [SECRET]: SECRET },
      first: true,
    },
    { type: "send-message", ...inRoom, clientMessageId: fresh(), text: SECRET, kind: "created", first: true },
    { type: "send-message", ...inRoom, clientMessageId: fresh(), text: SECRET.repeat(1_000), first: true },
    { type: "get-range", conversationId: "room", after: 0, limit: 10 },
    { type: "list-conversations", limit: 10 },
    { type: "list-conversations", limit: 10, page: SECRET },
    { type: "list-changes", cursor: SECRET, limit: 10 },
    { type: "get-conversation", conversationId: "room" },
    { type: "add-members", ...inRoom, clientMessageId: fresh(), members: ["cy"] },
    { type: "list-members", conversationId: "room", limit: 10 },
    { type: "list-members", conversationId: "room", limit: 10, page: SECRET },
    { type: "remove-members", ...inRoom, clientMessageId: fresh(), members: ["cy"] },
    { type: "get-users", users: [{ userId: "ana" }] },
    {
      type: "set-profile",
      name: SECRET,
      avatarUrl: `https://images.example/${SECRET}`,
    },
  ];
}

function http(method: string, path: string, body?: unknown, token = `ana/${SECRET}`): Request {
  return new Request(`http://chat.example${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
}

async function everything({ server, clock }: Watched): Promise<string[]> {
  const answers: string[] = [];
  const ana = new RawDevice(server, "ana");
  answers.push(JSON.stringify(await ana.hello({ token: `ana/${SECRET}`, agent: SECRET })));
  if (ana.closedWith === undefined) {
    for (const request of requests())
      answers.push(JSON.stringify({ request: request.type, ...(await ana.ask(request)) }));
  }
  for (const token of [`bad/${SECRET}`, `ana/${SECRET}`]) {
    const other = new RawDevice(server, token);
    await other.hello({ token, userId: "somebody-else" });
  }
  new RawDevice(server, "eve").raw(new TextEncoder().encode(SECRET));
  const message = { clientMessageId: crypto.randomUUID(), text: SECRET, data: { secret: SECRET } };
  for (const request of [
    http("GET", "/conversations"),
    http("GET", `/conversations?page=${SECRET}&limit=${SECRET}`),
    http("GET", "/conversations/room"),
    http("GET", "/conversations/room/messages"),
    http("POST", "/conversations/room/messages", message),
    http("POST", "/conversations/room/messages", `{"broken": "${SECRET}`),
    http("GET", "/conversations", undefined, `bad/${SECRET}`),
  ]) {
    answers.push(String((await server.fetch(request)).status));
  }
  clock.advance(30_000);
  await clock.settle();
  return answers;
}

describe("the log", () => {
  it("holds no secret of any operation that goes well or is refused", async () => {
    const watched = await watch();
    const answers = await everything(watched);
    // The secrets did get through: they come back where they should.
    expect(answers.join("\n")).toContain(SECRET);
    expect(answers.filter((answer) => answer === "200")).toHaveLength(4);
    expect(watched.lines.length).toBeGreaterThan(2);
    expect(watched.lines.join("\n")).not.toContain(SECRET);
  });

  it("holds no secret when the store fails and quotes them; it does hold what failed, and where", async () => {
    const watched = await watch();
    await everything(watched);
    const ana = new RawDevice(watched.server, "ana");
    await ana.hello();
    watched.lines.length = 0;
    watched.fail(true);
    for (const request of requests()) {
      const answer = await ana.ask(request);
      expect(JSON.stringify(answer)).not.toContain(`failed for ${SECRET}`);
    }
    await everything(watched);
    watched.fail(false);
    for (const event of [
      "request_failed",
      "http_request_failed",
      "authentication_refused",
      "change_feed_failed",
    ])
      expect(watched.events).toContain(event);
    const log = watched.lines.join("\n");
    expect(log).not.toContain(SECRET);
    expect(log).toContain("DriverError");
    expect(log).toContain("SQLITE_CONSTRAINT");
    expect(log).toContain("logs.test.ts");
  });
});

describe("what a store says of its failures", () => {
  const SENTENCE =
    "PostgreSQL refuses the login of role chat_prod at 10.0.0.7;\n\u001b[31mforged line\u2028of a log";
  const refusing = (store: ChatStore, when: () => boolean): ChatStore => ({
    ...store,
    open: (options) => store.open(options),
    close: () => store.close(),
    watch: (listener) => store.watch(listener),
    conversations: failing(store.conversations, when, () => new ChatError("store_unavailable", SENTENCE)),
    messages: failing(store.messages, when, () => new ChatError("store_unavailable", SENTENCE)),
  });
  const told = {
    code: "store_unavailable",
    message: "The store does not answer; try again.",
    retryable: true,
  };

  it("is in the log, in one line a second, and told to no device", async () => {
    let fails = false;
    const { server, clock, lines } = await watch({}, (store) => refusing(store, () => fails));
    const ana = new RawDevice(server, "ana");
    await ana.hello();
    await ana.ask(requests()[0]!);
    fails = true;
    clock.advance(2_000);
    lines.length = 0;
    for (const request of requests().slice(1)) {
      const answer = await ana.ask(request);
      expect(JSON.stringify(answer)).not.toContain("chat_prod");
      if ((answer as { code?: string }).code === told.code) expect(answer).toMatchObject(told);
    }
    const bo = new RawDevice(server, "bo");
    expect(JSON.stringify(await bo.hello())).not.toContain("chat_prod");
    const answer = await server.fetch(http("GET", "/conversations/room/messages"));
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ error: told });
    const logged = lines.filter((line) => line.includes('"store_unavailable"'));
    expect(logged.map((line) => (JSON.parse(line) as { reason: string }).reason)).toEqual([
      "PostgreSQL refuses the login of role chat_prod at 10.0.0.7; [31mforged line of a log",
    ]);
    clock.advance(1_000);
    await server.fetch(http("GET", "/conversations/room/messages"));
    expect(lines.filter((line) => line.includes('"store_unavailable"'))).toHaveLength(2);
  });

  it("is told to nobody who knocks at a server that could not start", async () => {
    const { server } = await watch({}, (store) => ({
      ...refusing(store, () => false),
      open: () => Promise.reject(new ChatError("store_unavailable", SENTENCE)),
    }));
    const ana = new RawDevice(server, "ana");
    expect(JSON.stringify(await ana.hello())).not.toContain("chat_prod");
    const answer = await server.fetch(new Request("http://chat.example/health"));
    expect(await answer.json()).toEqual({ error: told });
    await expect(server.ready()).rejects.toMatchObject({ message: SENTENCE });
  });
});

describe("the allow-list", () => {
  it("leaves out what is not on it, and what does not look as it should", () => {
    const lines: unknown[] = [];
    const log = guardedLog((level, event, fields) => lines.push({ level, event, ...fields }));
    log("warn", "event", {
      userId: "ana",
      token: SECRET,
      text: SECRET,
      __proto__: SECRET,
      constructor: SECRET,
      error: `TypeError: ${SECRET}`,
      code: `${SECRET} with spaces`,
      stack: `Error: ${SECRET}\n    at file.ts:1:1`,
      head: SECRET,
      deviceId: undefined,
    });
    expect(lines).toEqual([{ level: "warn", event: "event", userId: "ana", error: "TypeError" }]);
  });

  it("takes of an error its name and code, and those of its cause", () => {
    const cause = new DriverError(SECRET);
    expect(loggableError(new TypeError(SECRET, { cause }))).toEqual({
      error: "TypeError",
      cause: "SQLITE_CONSTRAINT",
    });
    const odd = new Error("x");
    odd.name = `${SECRET} in a name`;
    expect(loggableError(odd)).toEqual({ error: "Error" });
    expect(loggableError(SECRET)).toEqual({ error: "unknown" });
  });

  it("takes of a defect where it happened, and nothing of what it says", () => {
    const defect = loggableDefect(new Error(`first ${SECRET}\n    at ${SECRET} (file.ts:1:1)\nlast`));
    expect(defect.stack).toContain("logs.test.ts");
    expect(JSON.stringify(defect)).not.toContain(SECRET);
  });
});
