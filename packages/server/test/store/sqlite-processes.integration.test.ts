import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { sqlite } from "../../src/store/sqlite/index.js";
import { draft, runtime, upTo } from "./sqlite-drafts.js";
import { SqliteFile } from "./sqlite-file.js";

const CHILD = fileURLToPath(new URL("append-child.ts", import.meta.url));

type Child = ChildProcessByStdio<null, Readable, null>;

function start(file: SqliteFile, senderId: string, appends: number, conversations: readonly string[]): Child {
  const parameters = ["--import", "tsx", CHILD, file.path, senderId, String(appends), ...conversations];
  const child = spawn(process.execPath, parameters, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** A file with groups of the users p0, p1… */
async function newFile(conversations: readonly string[]): Promise<SqliteFile> {
  const file = new SqliteFile();
  onTestFinished(() => file.dispose());
  const store = sqlite(file.handle());
  await store.open({ runtime, groupMembers: 100 });
  for (const conversationId of conversations) {
    await store.conversations.reserve({ conversationId, type: "group", creatorId: "p0", createdAt: 1 });
    const add = upTo(3).map((index) => ({ userId: `p${index}`, role: "member" as const }));
    await store.messages.append([
      draft({
        conversationId,
        kind: "created",
        countsAsUnread: false,
        membershipVersion: 0,
        membership: { add, remove: [] },
      }),
    ]);
  }
  await store.close();
  return file;
}

/** The logs, checked to be contiguous and without a key that comes twice: clientMessageId by "conversation id". */
async function checkedLogs(file: SqliteFile, conversations: readonly string[]): Promise<Map<string, string>> {
  const store = sqlite(file.handle());
  await store.open({ runtime, groupMembers: 100 });
  const found = new Map<string, string>();
  for (const conversationId of conversations) {
    const query = {
      conversationId,
      after: 0,
      before: Infinity,
      order: "ascending",
      limit: 1e6,
      maxBytes: Infinity,
    } as const;
    const log = await store.messages.read(query);
    expect(log.map(({ messageId }) => messageId)).toEqual(upTo(log.length));
    expect((await store.messages.heads([conversationId])).get(conversationId)?.head).toBe(log.length);
    expect((await store.conversations.row("p1", conversationId))?.head).toBe(log.length);
    for (const entry of log.slice(1))
      found.set(`${conversationId} ${entry.messageId}`, entry.clientMessageId);
  }
  expect(new Set(found.values()).size).toBe(found.size);
  await store.close();
  return found;
}

it("numbers what two processes append at once without a gap, and stores nothing twice", async () => {
  const conversations = ["a", "b", "c"];
  const file = await newFile(conversations);
  const acknowledged = new Map<string, string>();
  const children = upTo(2).map((index) => start(file, `p${index}`, 1_000, conversations));
  await Promise.all(
    children.map(async (child) => {
      for await (const line of createInterface({ input: child.stdout })) {
        const [conversationId, messageId, clientMessageId] = line.split(" ");
        expect(conversationId, line).not.toBe("refused");
        if (messageId !== undefined) acknowledged.set(`${conversationId} ${messageId}`, clientMessageId!);
      }
      if (child.exitCode === null) await once(child, "exit");
      expect(child.exitCode).toBe(0);
    }),
  );
  expect(acknowledged.size).toBe(2_000);
  expect(await checkedLogs(file, conversations)).toEqual(acknowledged);
});

it("has everything that a process acknowledged before it was killed", async () => {
  const conversations = ["a", "b"];
  const file = await newFile(conversations);
  for (const round of upTo(3)) {
    const child = start(file, `p${round}`, 0, conversations);
    const acknowledged = new Map<string, string>();
    for await (const line of createInterface({ input: child.stdout })) {
      const [conversationId, messageId, clientMessageId] = line.split(" ");
      if (messageId === undefined) continue;
      acknowledged.set(`${conversationId} ${messageId}`, clientMessageId!);
      if (acknowledged.size === 200 * round) child.kill("SIGKILL");
    }
    const stored = await checkedLogs(file, conversations);
    expect(acknowledged.size).toBeGreaterThanOrEqual(200 * round);
    for (const [key, clientMessageId] of acknowledged) expect(stored.get(key)).toBe(clientMessageId);
  }
});
