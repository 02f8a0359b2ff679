import { ChatError, createClientCodec, type ServerFrame, SUBPROTOCOL } from "@chat/protocol";
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
