import { createChatServer } from "@chat/server";
import { sqlite } from "@chat/server/sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { pause } from "../store/insist.js";
import { SqliteFile } from "../store/sqlite-file.js";
import { outboxSuite } from "./outbox-suite.js";

describe("Sending with rows of one's own, on SQLite", () => {
  outboxSuite(
    async () => {
      const file = new SqliteFile();
      const own = file.handle();
      own.exec("CREATE TABLE orders (id TEXT)");
      const column = (sql: string): Promise<string[]> =>
        Promise.resolve((own.prepare(sql).all() as { value: string }[]).map(({ value }) => value));
      return {
        store: () => sqlite(file.handle()),
        async begin() {
          own.exec("BEGIN IMMEDIATE");
          return {
            handle: own,
            insert: async (order) => void own.prepare("INSERT INTO orders VALUES (?)").run(order),
            commit: async () => void own.exec("COMMIT"),
            rollback: async () => void own.exec("ROLLBACK"),
          };
        },
        orders: () => column("SELECT id AS value FROM orders"),
        refusals: () => column("SELECT refusal AS value FROM chat_outbox WHERE refusal IS NOT NULL"),
        dispose: async () => file.dispose(),
      };
    },
    { holdsTheStore: true },
  );

  it("writes on the store's own handle, inside of a synchronous transaction", async () => {
    const file = new SqliteFile();
    onTestFinished(() => file.dispose());
    const database = file.handle();
    database.exec("CREATE TABLE orders (id TEXT PRIMARY KEY)");
    const chat = createChatServer({
      store: sqlite(database),
      outbox: true,
      authenticate: ({ token }) => ({ userId: token }),
      log: () => {},
    });
    await chat.ready();
    const { conversationId } = await chat.as("ana").createGroup({ members: ["bo"] });
    const place = async (id: string, handle: unknown = database): Promise<void> => {
      const draft = await chat.as("ana").draft(conversationId, `order ${id}`);
      database.transaction(() => {
        database.prepare("INSERT INTO orders VALUES (?)").run(id);
        void chat.enqueue(handle, draft);
      })();
    };
    await place("1");
    // What can't be written takes the application's rows with it.
    await expect(place("2", {})).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(place("1")).rejects.toThrow(/UNIQUE/);
    await place("3");
    expect(database.prepare("SELECT id FROM orders").pluck().all()).toEqual(["1", "3"]);
    const texts = async (): Promise<unknown[]> =>
      (await chat.system.history(conversationId)).entries.flatMap(({ text }) => text ?? []);
    while ((await texts()).length < 2) await pause(10);
    expect(await texts()).toEqual(["order 1", "order 3"]);
    await chat.close();
    expect(database.prepare("SELECT count(*) FROM chat_outbox").pluck().get()).toBe(0);
  });
});
