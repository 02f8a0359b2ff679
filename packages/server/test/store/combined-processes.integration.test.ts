import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { dynamodb } from "@chat/server/dynamodb";
import { sqlite } from "@chat/server/sqlite";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { EngineProcess } from "../engines/engine-process.js";
import { hasDynamodb, startDynamodb } from "../engines/start-dynamodb.js";
import { combinedWorld, group, logOf, runtime, until } from "./combined-world.js";
import { SqliteFile } from "./sqlite-file.js";

const CHILD = fileURLToPath(new URL("combined-child.ts", import.meta.url));

describe.skipIf(!hasDynamodb)("A process that is killed between DynamoDB and SQLite", () => {
  let engine: EngineProcess;
  beforeAll(async () => {
    engine = await startDynamodb();
  });
  afterAll(() => engine.dispose());

  it("leaves what it acknowledged, and rows that others bring up", { timeout: 120_000 }, async () => {
    const file = new SqliteFile();
    onTestFinished(() => file.dispose());
    const world = await combinedWorld(engine.port, () => sqlite(file.handle()));
    const conversations = ["a", "b"];
    const survivor = await world.open();
    for (const conversationId of conversations) await group(survivor, conversationId);
    const log = dynamodb(world.client(), { prefix: world.prefix });
    await log.open(runtime);
    let behind = 0;

    for (const deadly of [1, 2, 17, 40]) {
      const parameters = [String(engine.port), world.prefix, file.path, String(deadly), ...conversations];
      const child = spawn(process.execPath, ["--import", "tsx", CHILD, ...parameters], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      onTestFinished(() => void child.kill("SIGKILL"));
      const acknowledged: string[] = [];
      for await (const line of createInterface({ input: child.stdout })) {
        expect(line).not.toContain("refused");
        if (line !== "open") acknowledged.push(line);
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      expect(child.signalCode).toBe("SIGKILL");

      for (const conversationId of conversations) {
        const { head } = (await log.head(conversationId))!;
        const rowHead = async (): Promise<number> =>
          (await survivor.conversations.participation(undefined, conversationId))!.head;
        if ((await rowHead()) < head) behind++;
        await until(async () => (await rowHead()) === head);
        const entries = await logOf(survivor, conversationId);
        expect(entries.map(({ messageId }) => messageId)).toEqual(
          Array.from({ length: head }, (_, at) => at + 1),
        );
        expect(new Set(entries.map(({ clientMessageId }) => clientMessageId)).size).toBe(head);
        const found = entries.map((entry) => `${conversationId} ${entry.messageId} ${entry.clientMessageId}`);
        const own = acknowledged.filter((line) => line.startsWith(`${conversationId} `));
        expect(found).toEqual(expect.arrayContaining(own));
      }
    }
    expect(behind).toBeGreaterThan(0);
  });
});
