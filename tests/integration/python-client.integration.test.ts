import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type ChatServer, type ChatStore, createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import Database from "better-sqlite3";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const example = join(root, "examples/python-client");
const asked = "import sys; print(sys.executable if sys.version_info >= (3, 11) else '')";
/** The interpreter itself: where `python3` is a script that looks for it, every start takes its time. */
const python = spawnSync("python3", ["-c", asked], { encoding: "utf8" }).stdout?.trim() ?? "";
const hasPython = python !== "";
const required = process.env.CHAT_REQUIRE_ENGINES === "1";

interface Line {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** The Python client as a child, and the events that it printed. */
class PythonClient {
  readonly lines: Line[] = [];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Set<() => void>();
  readonly #ended: Promise<number | null>;
  #errors = "";
  #over = false;

  constructor(port: number, user: string, state: string) {
    const url = `ws://127.0.0.1:${port}/chat`;
    this.#child = spawn(
      python,
      ["-B", join(example, "chat_client.py"), url, user, user, "--json", "--state", state],
      { env: { ...process.env, PYTHONIOENCODING: "utf-8" } },
    );
    this.#child.stderr.on("data", (text: Buffer) => (this.#errors += text.toString()));
    createInterface(this.#child.stdout).on("line", (line) => {
      this.lines.push(JSON.parse(line) as Line);
      this.#wake();
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    void this.#ended.then(() => {
      this.#over = true;
      this.#wake();
    });
  }

  say(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** The first event from line `from` on that the test takes. */
  async wait(test: (line: Line) => boolean, from = 0): Promise<Line> {
    for (;;) {
      const found = this.lines.slice(from).find(test);
      if (found !== undefined) return found;
      if (this.#over) throw new Error(`the client ended: ${this.#errors} ${JSON.stringify(this.lines)}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  event(name: string, from = 0): Promise<Line> {
    return this.wait((line) => line.event === name, from);
  }

  text(text: string): Promise<Line> {
    return this.wait((line) => line.event === "entry" && line.text === text);
  }

  count(event: string): number {
    return this.lines.filter((line) => line.event === event).length;
  }

  /** Ends once nothing is left in the outbox. */
  quit(): Promise<number | null> {
    this.#child.stdin.end();
    return this.#ended;
  }

  kill(): Promise<number | null> {
    this.#child.kill("SIGKILL");
    return this.#ended;
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** A server on one database; `stop` and `start` are a restart. */
class TestServer {
  #chat: ChatServer | undefined;
  #http: HttpServer | undefined;
  #store: ChatStore | undefined;
  #database: Database.Database | undefined;

  /** The same after a restart. */
  port = 0;
  heartbeatInterval = 25_000;

  constructor(readonly file: string) {}

  async start(): Promise<void> {
    this.#database = new Database(this.file);
    this.#store = sqlite(this.#database);
    this.#chat = createChatServer({
      store: this.#store,
      authenticate: ({ token }) => Promise.resolve({ userId: token }),
      settings: { drainSpread: 100, heartbeatInterval: this.heartbeatInterval },
    });
    await this.#chat.ready();
    this.#http = createServer();
    this.#chat.attach(this.#http, { path: "/chat" });
    await listen(this.#http, this.port);
    this.port = (this.#http.address() as AddressInfo).port;
  }

  /** What the store itself holds. */
  async log(conversationId: string) {
    const query = { conversationId, after: 0, before: 1_000, order: "ascending", limit: 1_000 } as const;
    const entries = await this.#store?.messages.read({ ...query, maxBytes: 1_000_000 });
    return entries?.map(({ messageId, senderId, ordinal, fingerprint, text }) => {
      return { messageId, senderId, ordinal, fingerprint, text };
    });
  }

  async stop(): Promise<void> {
    await this.#chat?.close();
    await new Promise((resolve) => this.#http?.close(resolve));
    this.#database?.close();
  }
}

function listen(
  server: { listen(port: number, host: string, done: () => void): unknown },
  port = 0,
): Promise<void> {
  return new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
}

/** Between the client under test and the server: can cut, refuse, be deaf, and swallow single WebSocket messages. */
class Proxy {
  /** Where the server is now. */
  target = 0;
  /** New connections are cut at once. */
  refusing = false;
  /** What the server sends goes nowhere. */
  deaf = false;
  /** What the server sends arrives twice, with a push of an unknown code between. */
  noisy = false;
  readonly #server = createTcpServer((device) => this.#join(device));
  readonly #sockets = new Set<Socket>();
  #swallow: { readonly text: string; readonly done: () => void } | undefined;

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  start(): Promise<void> {
    return listen(this.#server);
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** The next message of the server that holds this text never arrives. */
  swallow(text: string): Promise<void> {
    return new Promise((done) => (this.#swallow = { text, done }));
  }

  stop(): void {
    this.cut();
    this.#server.close();
  }

  #join(device: Socket): void {
    device.on("error", () => undefined);
    if (this.refusing) {
      device.destroy();
      return;
    }
    const upstream = connect(this.target, "127.0.0.1");
    for (const [one, other] of [
      [device, upstream],
      [upstream, device],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
    }
    device.on("data", (bytes) => upstream.write(bytes));
    let upgraded = false;
    let rest = Buffer.alloc(0);
    upstream.on("data", (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      if (!upgraded) {
        const end = rest.indexOf("\r\n\r\n") + 4;
        if (end < 4) return;
        device.write(rest.subarray(0, end));
        rest = rest.subarray(end);
        upgraded = true;
      }
      for (let size = frameSize(rest); size !== undefined; size = frameSize(rest)) {
        this.#pass(rest.subarray(0, size), device);
        rest = rest.subarray(size);
      }
    });
  }

  #pass(frame: Buffer, device: Socket): void {
    if (this.#swallow !== undefined && frame.includes(this.#swallow.text)) {
      const { done } = this.#swallow;
      this.#swallow = undefined;
      done();
    } else if (this.noisy) {
      device.write(Buffer.concat([frame, unknownPush, frame]));
    } else if (!this.deaf) {
      device.write(frame);
    }
  }
}

/** A WebSocket message with one frame: [120, {"what": "ever"}]. */
const unknownPush = Buffer.from("820d927881a477686174a465766572", "hex");

/** Bytes of the first WebSocket frame of a server, if all of it is there. */
function frameSize(bytes: Buffer): number | undefined {
  const short = bytes.length < 2 ? undefined : bytes.readUInt8(1);
  if (short === undefined) return undefined;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < head) return undefined;
  const size =
    head + (short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2)));
  return bytes.length < size ? undefined : size;
}

describe.skipIf(!hasPython && !required)("the Python client (needs python3, 3.11 or newer)", () => {
  const room = "room";
  let folder: string;
  let server: TestServer;
  let proxy: Proxy;
  let clients: PythonClient[];

  beforeAll(() => {
    expect(hasPython, "python3, 3.11 or newer, is on the PATH").toBe(true);
  });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "chat-python-"));
    server = new TestServer(join(folder, "chat.db"));
    await server.start();
    proxy = new Proxy();
    await proxy.start();
    proxy.target = server.port;
    clients = [];
  });

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.kill()));
    proxy.stop();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Bo talks to the server itself, Ana through the proxy. */
  async function start(user: "ana" | "bo", port = user === "ana" ? proxy.port : server.port) {
    const client = new PythonClient(port, user, join(folder, `${user}.json`));
    clients.push(client);
    await client.event("synced");
    return client;
  }

  async function startBoth() {
    const bo = await start("bo");
    bo.say(`/new ${room} ana`);
    await bo.wait(({ event, kind }) => event === "entry" && kind === "created");
    const ana = await start("ana");
    ana.say(`/to ${room}`);
    await ana.wait(({ event, kind }) => event === "entry" && kind === "created");
    return { ana, bo };
  }

  /** Expects the texts in the store, and that the client showed exactly its log: all, once, in order. */
  async function expectLog(client: PythonClient, texts: readonly string[]) {
    const log = await server.log(room);
    expect(log?.slice(1).map(({ text }) => text)).toEqual(texts);
    await client.wait(({ event, messageId }) => event === "entry" && messageId === log?.length);
    const shown = client.lines.filter(({ event }) => event === "entry");
    expect(
      shown.map(({ messageId, senderId, ordinal, fingerprint, text }) => {
        return { messageId, senderId, ordinal, fingerprint, text };
      }),
    ).toEqual(log);
  }

  it("passes the golden vectors, decoding and encoding", () => {
    const vectors = join(root, "packages/protocol/test/vectors");
    const output = execFileSync(python, ["-B", join(example, "self_test.py"), vectors], {
      encoding: "utf8",
    });
    expect(JSON.parse(output)).toMatchObject({ event: "vectors", files: 6, failed: 0 });
  });

  it("logs in, syncs, sends and receives", async () => {
    const { ana, bo } = await startBoth();
    ana.say("Grüße, 世界 😀");
    const queued = await ana.event("queued");
    const stored = await ana.event("stored");
    expect(stored).toMatchObject({ clientMessageId: queued.clientMessageId, messageId: 2 });
    await bo.text("Grüße, 世界 😀");
    bo.say("hello yourself");
    await ana.text("hello yourself");
    await expectLog(ana, ["Grüße, 世界 😀", "hello yourself"]);
    expect(await ana.quit()).toBe(0);
  });

  it("stores a message once whose acknowledgement was lost with the connection", async () => {
    const { ana, bo } = await startBoth();
    proxy.deaf = true;
    ana.say("one");
    ana.say("two");
    await bo.text("two"); // stored, and Ana can't know
    expect(ana.count("stored")).toBe(0);
    proxy.cut();
    proxy.deaf = false;
    await ana.wait(({ event, text }) => event === "stored" && text === "two");
    bo.say("three");
    await ana.text("three");
    await expectLog(ana, ["one", "two", "three"]);
    await expectLog(bo, ["one", "two", "three"]);
  });

  it("keeps an unsent message over a kill, and sends it once", async () => {
    const { ana, bo } = await startBoth();
    proxy.refusing = true;
    proxy.cut();
    await ana.event("disconnected");
    ana.say("written offline");
    await ana.event("queued");
    await ana.kill();
    proxy.refusing = false;
    const again = await start("ana");
    await again.event("stored");
    await bo.text("written offline");
    await expectLog(bo, ["written offline"]);
    expect(await again.quit()).toBe(0);
  });

  it("fetches what was sent while it was cut off", async () => {
    const { ana, bo } = await startBoth();
    proxy.refusing = true;
    proxy.cut();
    await ana.event("disconnected");
    for (const text of ["a", "b", "c"]) bo.say(text);
    await bo.wait(({ event, text }) => event === "stored" && text === "c");
    proxy.refusing = false;
    await ana.text("c");
    await expectLog(ana, ["a", "b", "c"]);
  });

  it("sees by the next push that one never came, and fills the gap", async () => {
    const { ana, bo } = await startBoth();
    const swallowed = proxy.swallow("never arrives");
    bo.say("never arrives");
    await swallowed;
    bo.say("arrives early");
    await ana.text("arrives early");
    expect(await ana.event("gap")).toBeDefined();
    await ana.event("filled");
    await expectLog(ana, ["never arrives", "arrives early"]);
  });

  it("sees by a pong that the last push never came", async () => {
    const { ana, bo } = await startBoth();
    const swallowed = proxy.swallow("the last word");
    bo.say("the last word");
    await swallowed;
    ana.say("/ping");
    await ana.text("the last word");
    await expectLog(ana, ["the last word"]);
  });

  it("ignores pushes that it does not know, and what comes twice", async () => {
    const { ana, bo } = await startBoth();
    proxy.noisy = true;
    for (const text of ["a", "b"]) bo.say(text);
    ana.say("c");
    await ana.wait(({ event, text }) => event === "stored" && text === "c");
    await bo.text("c");
    await ana.text("b");
    expect(ana.count("duplicate")).toBeGreaterThan(0);
    expect(ana.count("disconnected")).toBe(0);
    const texts = (await server.log(room))?.slice(1).map(({ text }) => text ?? "");
    expect([...(texts ?? [])].sort()).toEqual(["a", "b", "c"]);
    await expectLog(ana, texts ?? []);
  });

  it("keeps a connection alive with its heartbeat", async () => {
    await server.stop();
    server.heartbeatInterval = 100;
    await server.start();
    const { ana } = await startBoth();
    // Without its pings the server would close after two and a half intervals.
    await ana.wait(() => ana.count("pong") === 5);
    expect(ana.count("disconnected")).toBe(0);
  });

  it("goes on with its cursor after a restart of the server", async () => {
    const { ana, bo } = await startBoth();
    bo.say("before");
    await ana.text("before");
    proxy.refusing = true;
    await server.stop();
    await ana.event("disconnected");
    await server.start();
    bo.say(`/to ${room}`);
    bo.say("after");
    await bo.wait(({ event, text }) => event === "stored" && text === "after");
    proxy.refusing = false;
    await ana.text("after");
    await expectLog(ana, ["before", "after"]);
    expect(await ana.quit()).toBe(0);
    expect(kept("ana")).toMatchObject({ outbox: [], logs: [{ id: room, held: [[1, 3]] }] });
  });

  it("goes back to what is common and sends again what a restored backup forgot", async () => {
    const { ana, bo } = await startBoth();
    ana.say("in the backup");
    await bo.text("in the backup");
    await bo.quit();
    proxy.refusing = true;
    await server.stop();
    copyFileSync(server.file, `${server.file}.backup`);
    await server.start();
    proxy.refusing = false;
    ana.say("forgotten");
    const first = await ana.wait(({ event, text }) => event === "stored" && text === "forgotten");
    expect(first.messageId).toBe(3);
    proxy.refusing = true;
    await server.stop();
    for (const end of ["-wal", "-shm"]) rmSync(`${server.file}${end}`, { force: true });
    copyFileSync(`${server.file}.backup`, server.file);
    await server.start();
    const other = await start("bo");
    other.say(`/to ${room}`);
    other.say("in its place");
    await other.wait(({ event, text }) => event === "stored" && text === "in its place");
    const from = ana.lines.length;
    proxy.refusing = false;
    expect(await ana.event("diverged", from)).toMatchObject({ common: 2, again: 1 });
    await ana.wait(({ event, text }) => event === "stored" && text === "forgotten", from);
    await other.text("forgotten");
    const log = await server.log(room);
    expect(log?.slice(1).map(({ text }) => text)).toEqual(["in the backup", "in its place", "forgotten"]);
    expect(kept("ana").logs[0]?.entries.map(({ text }) => text)).toEqual(log?.map(({ text }) => text));
  });

  /** What the client's file holds. */
  function kept(user: string) {
    return JSON.parse(readFileSync(join(folder, `${user}.json`), "utf8")) as {
      outbox: unknown[];
      logs: { id: string; held: number[][]; entries: { text?: string }[] }[];
    };
  }
});
