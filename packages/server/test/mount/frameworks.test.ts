import { once } from "node:events";
import { createServer, type RequestListener, request as httpRequest, type Server } from "node:http";
import { connect, createServer as createHttp2Server, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import express5 from "express";
import express4 from "express-4";
import fastify from "fastify";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { type ChatServer, inProcessFanout, inProcessRegistry } from "../../src/index.js";
import { chatFastify } from "../../src/mount/fastify.js";
import { uuid } from "../http/call.js";
import { openServer, temporaryFolder } from "../open-server.js";
import { RawDevice } from "../raw-device.js";
import { VirtualClock } from "../virtual-clock.js";

async function listen(server: Server): Promise<string> {
  if (!server.listening) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function withExpress(express: typeof express5, parsers: boolean) {
  return async (chat: ChatServer): Promise<string> => {
    const app = express();
    if (parsers) {
      app.use(express.json(), express.urlencoded({ extended: true }), express.text(), express.raw());
    }
    app.use("/chat", chat.handler);
    app.post("/echo", express.json(), (request, response) => void response.json(request.body as unknown));
    app.use((request, response) => void response.status(418).json({ at: request.originalUrl }));
    const server = createServer(app as RequestListener);
    chat.attach(server, { path: "/chat" });
    return listen(server);
  };
}

/** Each way to mount a chat at /chat, beside the application's own POST /echo. */
const mounts: Record<string, (chat: ChatServer) => Promise<string>> = {
  "Express 5": withExpress(express5, false),
  "Express 5 with body parsers": withExpress(express5, true),
  "Express 4": withExpress(express4, false),
  "Express 4 with body parsers": withExpress(express4, true),
  async "Fastify 5"(chat) {
    const app = fastify();
    onTestFinished(() => app.close());
    await app.register(chatFastify, { prefix: "/chat", chat });
    app.post("/echo", (request) => request.body);
    app.setNotFoundHandler((request, reply) => reply.status(418).send({ at: request.url }));
    await app.listen({ port: 0, host: "127.0.0.1" });
    return listen(app.server);
  },
};

describe.each(Object.entries(mounts))("mounted into %s", (_name, mount) => {
  const headers = { authorization: "Bearer ana", "content-type": "application/json" };
  const post = (url: string, body: unknown) =>
    fetch(url, { method: "POST", headers, body: JSON.stringify(body) });

  it("stores what is posted, and leaves the application its own routes and bodies", async () => {
    const url = await mount(await openServer());
    const room = {
      type: "group",
      conversationId: "room",
      clientMessageId: uuid(1),
      members: [],
      name: "Café",
    };
    expect((await post(`${url}/chat/conversations`, room)).status).toBe(200);
    const sent = await post(`${url}/chat/conversations/room/messages`, {
      clientMessageId: uuid(2),
      text: "Grüße 🚢",
    });
    expect(await sent.json()).toMatchObject({ messageId: 2 });
    const history = await fetch(`${url}/chat/conversations/room/messages?limit=1`, { headers });
    expect(await history.json()).toMatchObject({ entries: [{ text: "Grüße 🚢" }] });
    expect(await (await post(`${url}/echo`, room)).json()).toEqual(room);
    expect(await (await fetch(`${url}/elsewhere`)).json()).toEqual({ at: "/elsewhere" });
  });

  it("refuses a body that is too large, and answers the next request", async () => {
    const url = await mount(await openServer());
    const huge = await post(`${url}/chat/conversations/room/messages`, {
      clientMessageId: uuid(2),
      text: "x".repeat(2_000_000),
    });
    expect(huge.status).toBe(413);
    expect((await fetch(`${url}/chat/health`)).status).toBe(200);
  });

  it("takes WebSockets at its path, and leaves other upgrades to the application", async () => {
    const chat = await openServer();
    const url = await mount(chat);
    const socket = new WebSocket(`${url.replace("http", "ws")}/chat`, "chat.v1");
    await once(socket, "open");
    expect(chat.connections).toBe(1);
    socket.close();
    await once(socket, "close");
    const foreign = httpRequest(`${url}/foreign`, { headers: { connection: "Upgrade", upgrade: "x" } }).end();
    const [answer] = (await once(foreign, "response")) as [{ statusCode: number }];
    expect(answer.statusCode).toBe(404);
  });

  it("streams events while they happen, and notices at once that a device has gone", async () => {
    const chat = await openServer();
    const url = await mount(chat);
    const stop = new AbortController();
    const answer = await fetch(`${url}/chat/stream`, { signal: stop.signal });
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    const reader: ReadableStreamDefaultReader<Uint8Array> = answer.body!.getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toMatch(/^event: open\ndata: [0-9a-f-]{36}\n\n$/);
    expect(chat.connections).toBe(1);
    stop.abort();
    await expect.poll(() => chat.connections).toBe(0);
  });
});

describe("Fastify 5", () => {
  it.each([
    ["without a prefix", undefined, ""],
    ["at the root", "/", ""],
    ["at a prefix with a slash at its end", "/chat/", "/chat"],
    ["within another prefix", "/api/chat", "/api/chat"],
  ])("takes requests and WebSockets %s", async (_name, prefix, path) => {
    const chat = await openServer();
    const app = fastify();
    onTestFinished(() => app.close());
    await app.register(chatFastify, { ...(prefix !== undefined && { prefix }), chat });
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    expect((await fetch(`${url}${path}/health`)).status).toBe(200);
    const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, "chat.v1");
    await once(socket, "open");
    socket.terminate();
  });

  it("refuses a prefix with parameters, at which no request would ever be answered", async () => {
    const chat = await openServer();
    const app = fastify();
    onTestFinished(() => app.close());
    await expect(app.register(chatFastify, { prefix: "/:tenant/chat", chat })).rejects.toThrow(
      "The chat can't be mounted at /:tenant/chat: its prefix must be the same for all.",
    );
  });
});

it("takes WebSockets at its path, with or without a slash at the end", async () => {
  const chat = await openServer();
  const server = createServer(chat.handler);
  chat.attach(server, { path: "/chat/" });
  const url = await listen(server);
  for (const path of ["/chat", "/chat/?x=1"]) {
    const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, "chat.v1");
    await once(socket, "open");
    socket.terminate();
  }
});

describe("over HTTP/2", () => {
  async function ask(chat: ChatServer, headers: (port: number) => IncomingHttpHeaders, body = "") {
    const server = createHttp2Server((request, response) =>
      chat.handler(request as never, response as never),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const session = connect(`http://127.0.0.1:${port}`);
    onTestFinished(() => {
      session.destroy();
      server.close();
    });
    const stream = session.request(headers(port), { endStream: body === "" });
    if (body !== "") stream.end(body);
    const [answer] = (await once(stream, "response")) as [Record<string, unknown>];
    stream.resume();
    return answer;
  }

  it("answers the own page, and no foreign one", async () => {
    const chat = await openServer();
    const own = await ask(chat, (port) => ({ ":path": "/health", origin: `http://127.0.0.1:${port}` }));
    expect(own).toMatchObject({
      ":status": 200,
      "access-control-allow-origin": expect.any(String) as unknown,
    });
    const foreign = await ask(chat, () => ({ ":path": "/health", origin: "http://evil.test" }));
    expect(foreign).toMatchObject({ ":status": 403 });
  });

  it("refuses a body that is too large without a header that HTTP/2 does not have", async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on("warning", onWarning);
    onTestFinished(() => void process.off("warning", onWarning));
    const answer = await ask(
      await openServer(),
      () => ({ ":path": "/conversations", ":method": "POST", authorization: "Bearer ana" }),
      "x".repeat(2_000_000),
    );
    expect(answer).toMatchObject({ ":status": 413 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });
});

it("node:http takes it below a base path", async () => {
  const chat = await openServer({ basePath: "/api/chat/" });
  const url = await listen(createServer(chat.handler));
  expect((await fetch(`${url}/api/chat/health`)).status).toBe(200);
  const missing = await fetch(`${url}/health`);
  expect(missing.status).toBe(404);
  // An error like any other, for clients that are generated from the OpenAPI document.
  const error = { code: "not_found", message: "There is nothing at this path.", retryable: false };
  expect(await missing.json()).toEqual({ error });
  expect(await (await chat.fetch(new Request("http://x/health"))).json()).toEqual({ error });
  expect((await fetch(`${url}/api/chatter/health`)).status).toBe(404);
  expect((await chat.fetch(new Request("http://x/api/chat/health"))).status).toBe(200);
});

it("the HTTP service and the sockets may be two servers on one store", async () => {
  const file = join(temporaryFolder(), "chat.db");
  const { runtime } = new VirtualClock();
  const shared = { runtime, registry: inProcessRegistry(runtime.clock), fanout: inProcessFanout() };
  const stateless = await openServer({ ...shared, serverId: "http" }, file);
  const sockets = await openServer({ ...shared, serverId: "sockets" }, file);
  const device = await RawDevice.open(sockets, "bo");
  const post = (path: string, body: unknown) =>
    stateless.fetch(
      new Request(`http://x${path}`, {
        method: "POST",
        headers: { authorization: "Bearer ana" },
        body: JSON.stringify(body),
      }),
    );
  await post("/conversations", {
    type: "group",
    conversationId: "room",
    clientMessageId: uuid(1),
    members: ["bo"],
  });
  await post("/conversations/room/messages", { clientMessageId: uuid(2), text: "Hello" });
  await device.until(
    (frame) => frame.type === "entries" && frame.entries.some(({ text }) => text === "Hello"),
  );
});
