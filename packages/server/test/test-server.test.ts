import { ChatError, createClientCodec, joinFrames, type ServerFrame, SUBPROTOCOL } from "@chat/protocol";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { sqlite } from "../src/store/sqlite/index.js";
import { type TestServer, testServer, type TestSocket } from "../src/testing/index.js";

function openTestServer(): TestServer {
  const database = new Database(":memory:");
  const server = testServer({ store: sqlite(database, { allowVolatile: true }) });
  onTestFinished(async () => {
    await server.close();
    database.close();
  });
  return server;
}

/** Opens a socket as a page does. */
async function opened(
  server: TestServer,
): Promise<{ socket: TestSocket; frames: ServerFrame[]; codes: number[] }> {
  const socket = server.connect("wss://chat.test/", [SUBPROTOCOL]);
  const [frames, codes]: [ServerFrame[], number[]] = [[], []];
  const codec = createClientCodec();
  socket.onmessage = ({ data }) =>
    void frames.push(...(codec.decode(new Uint8Array(data as ArrayBuffer)) as ServerFrame[]));
  socket.onclose = ({ code }) => void codes.push(code);
  await new Promise<void>((resolve, reject) => {
    socket.onopen = resolve;
    socket.onclose = ({ code }) => {
      codes.push(code);
      reject(new Error(`closed with ${code}`));
    };
  });
  const hello = {
    requestId: 1,
    minor: 0,
    capabilities: [],
    token: "ana",
    agent: "",
    deviceId: crypto.randomUUID(),
  };
  socket.send(codec.encode({ type: "hello", ...hello }));
  await expect.poll(() => frames.map(({ type }) => type)).toContain("welcome");
  return { socket, frames, codes };
}

it("lets nobody connect while it is unreachable, and leaves what is open alone until it is cut", async () => {
  const server = openTestServer();
  const { codes } = await opened(server);
  server.faults.unreachable = true;
  await expect(opened(server)).rejects.toThrow("closed with 1006");
  expect([codes, server.chat.connections]).toEqual([[], 1]);
  server.cut();
  await expect.poll(() => codes).toEqual([1006]);
  expect(server.chat.connections).toBe(0);
});

it("refuses the entries that a test chooses, each alone", async () => {
  const server = openTestServer();
  const { socket, frames } = await opened(server);
  const codec = createClientCodec();
  const create = (requestId: number, conversationId: string) =>
    socket.send(
      codec.encode({
        type: "create-conversation",
        requestId,
        conversationType: "group",
        conversationId,
        clientMessageId: crypto.randomUUID(),
        members: ["bo"],
      }),
    );
  server.faults.append = ({ conversationId }) =>
    conversationId === "refused" ? new ChatError("overloaded", "Not in this test.") : undefined;
  create(2, "refused");
  create(3, "stored");
  await expect
    .poll(() => frames.filter(({ type }) => type === "error" || type === "conversation"))
    .toHaveLength(2);
  expect(frames).toContainEqual(expect.objectContaining({ type: "error", requestId: 2, code: "overloaded" }));
  expect(frames).toContainEqual(expect.objectContaining({ type: "conversation", requestId: 3 }));
});

it("has all that the store has, its outbox, too", async () => {
  const database = new Database(":memory:");
  const server = testServer({ store: sqlite(database, { allowVolatile: true }), outbox: true });
  onTestFinished(async () => {
    await server.close();
    database.close();
  });
  await server.chat.system.createGroup({ id: "room", members: ["ana"] });
  const draft = await server.chat.as("ana").draft("room", "with a row of one's own");
  database.exec("BEGIN");
  await server.chat.enqueue(database, draft);
  database.exec("COMMIT");
  const texts = async (): Promise<unknown[]> =>
    (await server.chat.system.history("room", { after: 1 })).entries.map(({ text }) => text);
  await expect.poll(texts).toEqual(["with a row of one's own"]);
});

it("answers what is stored already, whatever it refuses", async () => {
  const server = openTestServer();
  await server.chat.system.createGroup({ id: "room", members: ["ana"] });
  const clientMessageId = crypto.randomUUID();
  const send = () => server.chat.as("ana").send("room", "once", { clientMessageId });
  await send();
  server.faults.append = () => new ChatError("forbidden", "Not in this test.");
  expect(await send()).toMatchObject({ messageId: 2, text: "once" });
  await expect(server.chat.as("ana").send("room", "another")).rejects.toMatchObject({ code: "forbidden" });
});

it("stores nothing of a device behind what it has refused for a while", async () => {
  const server = openTestServer();
  await server.chat.system.createGroup({ id: "room", members: ["ana"] });
  const { socket, frames } = await opened(server);
  server.faults.append = ({ text }) =>
    text === "first" ? new ChatError("overloaded", "Not in this test.") : undefined;
  const codec = createClientCodec();
  const messages = ["first", "second"].map((text, index) => {
    const message = { conversationId: "room", clientMessageId: crypto.randomUUID(), text };
    return codec.encode({ type: "send-message", requestId: 10 + index, ...message, first: index === 0 });
  });
  // In one append.
  socket.send(joinFrames(messages));
  await expect.poll(() => frames.filter(({ type }) => type === "error")).toHaveLength(2);
  expect(frames).toContainEqual(expect.objectContaining({ requestId: 10, code: "overloaded" }));
  expect(frames).toContainEqual(expect.objectContaining({ requestId: 11, code: "out_of_order" }));
});
