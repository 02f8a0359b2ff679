import { type ChatServer, combineStores, createChatServer } from "@chat/server";
import { createDynamoDbTables, dynamodb } from "@chat/server/dynamodb";
import { sqlite } from "@chat/server/sqlite";
import { newUuid } from "@chat/protocol";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { EngineProcess } from "../engines/engine-process.js";
import { dynamodbClient, hasDynamodb, startDynamodb } from "../engines/start-dynamodb.js";
import { RawDevice } from "../raw-device.js";
import { runtime, until, whileRowsStay } from "./combined-world.js";
import { SqliteFile } from "./sqlite-file.js";

describe.skipIf(!hasDynamodb)("Chat servers on DynamoDB and SQLite", () => {
  let engine: EngineProcess;
  beforeAll(async () => {
    engine = await startDynamodb();
  });
  afterAll(() => engine.dispose());

  it("do all that a server does with content", async () => {
    const file = new SqliteFile();
    onTestFinished(() => file.dispose());
    const prefix = "server_";
    const client = dynamodbClient(engine.port);
    onTestFinished(() => client.destroy());
    await createDynamoDbTables(client, { prefix });
    const server = async (): Promise<ChatServer> => {
      const messages = dynamodb(client, { prefix });
      const chat = createChatServer({
        store: combineStores({ messages, conversations: sqlite(file.handle()) }),
        authenticate: ({ token }) => ({ userId: token }),
      });
      onTestFinished(() => chat.close());
      await chat.ready();
      return chat;
    };
    const [one, other] = [await server(), await server()];
    const [ana, bo] = [one.as("ana"), other.as("bo")];

    const { conversationId } = await ana.createGroup({ members: ["bo", "cy"], name: "Crew" });
    const clientMessageId = newUuid(runtime.random);
    const first = await ana.send(conversationId, "from one", { clientMessageId });
    const second = await bo.send(conversationId, "from the other");
    expect([first.messageId, second.messageId]).toEqual([2, 3]);
    expect((await ana.send(conversationId, "again", { clientMessageId })).messageId).toBe(2);
    const texts = async (): Promise<unknown[]> =>
      (await bo.history(conversationId)).entries.map(({ text }) => text);
    expect(await texts()).toEqual([undefined, "from one", "from the other"]);
    const row = await ana.conversation(conversationId);
    expect([row.latest?.snippet, row.head, row.memberCount]).toEqual(["from the other", 3, 3]);

    await other.as("ana").removeMembers(conversationId, ["cy"]);
    await expect(one.as("cy").send(conversationId, "still here?")).rejects.toMatchObject({
      code: "forbidden",
    });
    expect((await one.as("cy").conversation(conversationId)).latest?.snippet).toBe("from the other");
    await bo.redact(conversationId, second.messageId);
    expect((await one.as("cy").conversation(conversationId)).latest).toMatchObject({ redacted: true });

    const erasure = await one.eraseUser("ana");
    expect(erasure).toEqual({ conversations: 1, messages: 1, purged: false });
    expect((await texts()).filter((text) => text !== undefined)).toEqual([]);

    const followed: number[] = [];
    for await (const { entry } of other.changes()) if (followed.push(entry.messageId) === 6) break;
    expect(followed).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("take nothing for lost that was stored and delivered while the rows could not follow", async () => {
    const file = new SqliteFile();
    onTestFinished(() => file.dispose());
    const prefix = "ahead_";
    const client = dynamodbClient(engine.port);
    onTestFinished(() => client.destroy());
    await createDynamoDbTables(client, { prefix });
    const rows = sqlite(file.handle());
    const logged: string[] = [];
    const chat = createChatServer({
      // Nobody looks for old marks meanwhile.
      store: combineStores({
        messages: dynamodb(client, { prefix }),
        conversations: rows,
        repairInterval: 600_000,
      }),
      authenticate: ({ token }) => ({ userId: token }),
      settings: { reconcileInterval: 20 },
      log: (_, event) => void logged.push(event),
    });
    onTestFinished(() => chat.close());
    await chat.ready();
    const { conversationId } = await chat.as("ana").createGroup({ members: ["bo"] });
    const bo = await RawDevice.open(chat, "bo");
    const messageId = await whileRowsStay(rows, async () => {
      const sent = await chat.as("ana").send(conversationId, "hello");
      await bo.until((frame) => frame.type === "entries" && frame.through === sent.messageId);
      return sent.messageId;
    });
    // Moves the row, and so the change feed, at the head that it has seen.
    await chat.as("bo").sendReceipt(conversationId, { unreadFrom: 1 });
    const rowHead = async (): Promise<number | undefined> =>
      (await rows.messages.heads([conversationId])).get(conversationId)?.head;
    await until(async () => logged.includes("store_lost_history") || (await rowHead()) === messageId);
    expect(logged).not.toContain("store_lost_history");
  });
});
