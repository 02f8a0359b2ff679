import type { AppendOutcome, Draft, FollowingStore, LogFollower } from "@chat/server";
import { dynamodb, type DynamoDbClient } from "@chat/server/dynamodb";
import { mysql } from "@chat/server/mysql";
import { postgres } from "@chat/server/postgres";
import { sqlite } from "@chat/server/sqlite";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { EngineProcess } from "../engines/engine-process.js";
import { isUp } from "../engines/engine-urls.js";
import { hasDynamodb, startDynamodb } from "../engines/start-dynamodb.js";
import { combinedWorld, draft, group, logOf, membershipDraft, runtime, until } from "./combined-world.js";
import { MysqlDatabase } from "./mysql-database.js";
import { PostgresSchema } from "./postgres-schema.js";
import { SqliteFile } from "./sqlite-file.js";

/** A server that dies at one of its calls: before it is made, or before its answer has come. From then on it does nothing. */
class DyingServer {
  readonly #at: number;
  readonly #when: "before" | "after";
  readonly died: Promise<void>;
  #die!: () => void;
  #calls = 0;
  #isDead = false;
  /** Calls count from here on. */
  isWorking = false;

  constructor(at: number, when: "before" | "after") {
    this.#at = at;
    this.#when = when;
    this.died = new Promise((resolve) => (this.#die = resolve));
  }

  /** The same object; its calls are those of this server. @param uncounted calls that a timer makes */
  wrap<T extends object>(target: T, uncounted: readonly string[] = []): T {
    return new Proxy(target, {
      get: (_, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        const call = (...parameters: unknown[]): unknown => Reflect.apply(value, target, parameters);
        return (...parameters: unknown[]) =>
          this.#run(() => call(...parameters), uncounted.includes(String(name)));
      },
    });
  }

  async #run(call: () => unknown, isUncounted: boolean): Promise<unknown> {
    const never = new Promise<never>(() => {});
    if (this.#isDead) return never;
    const isLast = this.isWorking && !isUncounted && ++this.#calls === this.#at;
    if (isLast && this.#when === "before") return this.#end(never);
    try {
      const answer = await call();
      if (!isLast) return this.#isDead ? never : answer;
    } catch (error) {
      if (!isLast) throw error;
    }
    return this.#end(never);
  }

  #end(never: Promise<never>): Promise<never> {
    this.#isDead = true;
    this.#die();
    return never;
  }
}

const hasPostgres = await isUp("postgres");
const hasMysql = await isUp("mysql");

describe.skipIf(!hasDynamodb)("A server that dies between the two stores", () => {
  let engine: EngineProcess;
  beforeAll(async () => {
    engine = await startDynamodb();
  });
  afterAll(() => engine.dispose());

  describe("DynamoDB + SQLite", () => {
    diesEverywhere(() => {
      const file = new SqliteFile();
      onTestFinished(() => file.dispose());
      return () => sqlite(file.handle());
    });
  });

  describe.skipIf(!hasPostgres)("DynamoDB + PostgreSQL", () => {
    diesEverywhere(async () => {
      const schema = await PostgresSchema.create();
      onTestFinished(() => schema.dispose());
      return () => postgres(schema.pool());
    });
  });

  describe.skipIf(!hasMysql)("DynamoDB + MySQL", () => {
    diesEverywhere(async () => {
      const database = await MysqlDatabase.create();
      onTestFinished(() => database.dispose());
      return () => mysql(database.pool());
    });
  });

  function diesEverywhere(create: () => (() => FollowingStore) | Promise<() => FollowingStore>): void {
    for (const when of ["before", "after"] as const) {
      it(`leaves nothing behind, wherever it dies: ${when} a call`, { timeout: 120_000 }, async () => {
        const world = await combinedWorld(engine.port, await create());
        const survivor = await world.open();
        const log = dynamodb(world.client(), { prefix: world.prefix });
        await log.open(runtime);
        let repaired = 0;
        let calls = 1;
        for (let isOver = false; !isOver; calls++) {
          const conversationId = `c${calls}`;
          await group(survivor, conversationId);
          const before = await survivor.conversations.position();
          const drafts: readonly Draft[] = [
            draft(conversationId, { text: "one" }),
            membershipDraft(conversationId, "members-added", ["cy"], 1),
            draft(conversationId, { text: "two", membershipVersion: 3 }),
            membershipDraft(conversationId, "members-removed", ["bo"], 3),
          ];

          const dying = new DyingServer(calls, when);
          const victim = await world.open({
            client: dying.wrap<DynamoDbClient>(world.client()),
            rows: dyingRows(world.rows(), dying),
            dies: true,
          });
          dying.isWorking = true;
          const appending = victim.messages.append(drafts);
          isOver = await Promise.race([dying.died.then(() => false), appending.then(() => true)]);

          // Nobody writes here any more, and nobody reads: the row has to come up by itself.
          const rowHead = async (): Promise<number> =>
            (await survivor.conversations.participation(undefined, conversationId))!.head;
          const left = await rowHead();
          const { head } = (await log.head(conversationId))!;
          if (left < head) repaired++;
          await until(async () => (await rowHead()) === head);
          expect((await logOf(survivor, conversationId)).map(({ messageId }) => messageId)).toEqual(
            Array.from({ length: head }, (_, at) => at + 1),
          );
          const members = ["ana", ...(head < 5 ? ["bo"] : []), ...(head >= 3 ? ["cy"] : [])];
          const roles = await survivor.conversations.roles(conversationId, ["ana", "bo", "cy"]);
          expect([...roles.keys()].sort()).toEqual(members);
          const { conversations } = await survivor.conversations.changes({ limit: 1_000, cursor: before });
          expect(conversations.map((moved) => [moved.conversationId, moved.head])).toEqual(
            head === 1 ? [] : [[conversationId, head]],
          );

          // The devices send again what was not acknowledged.
          const again = await survivor.messages.append(drafts);
          expect(again.map(idOf)).toEqual([2, 3, 4, 5]);
          expect(again.map(({ status }) => status)).toEqual(
            drafts.map((_, at) => (at + 2 <= head ? "duplicate" : "stored")),
          );
          const whole = await logOf(survivor, conversationId);
          expect(whole.map(({ clientMessageId }) => clientMessageId).slice(1)).toEqual(
            drafts.map(({ clientMessageId }) => clientMessageId),
          );
          expect((await survivor.conversations.participation("cy", conversationId))?.intervals).toEqual([
            { from: 3, to: undefined },
          ]);
          expect((await survivor.conversations.row("bo", conversationId))?.latest?.snippet).toBe("two");
        }
        // It did die in each of these ways, and rows were left behind for others.
        expect(calls).toBeGreaterThan(14);
        expect(repaired).toBeGreaterThanOrEqual(4);
      });
    }
  }
});

function dyingRows(rows: FollowingStore, dying: DyingServer): FollowingStore {
  return {
    conversations: rows.conversations,
    housekeeping: rows.housekeeping,
    pushes: rows.pushes,
    open: (options) => rows.open(options),
    watch: (listener) => rows.watch(listener),
    close: () => rows.close(),
    messages: dying.wrap(rows.messages),
    // It does not look for old marks by itself: its only calls are those of the append.
    follower: dying.wrap({ ...methodsOf(rows.follower), due: async () => [] }, ["due", "readFrom"]),
  };
}

function methodsOf(follower: LogFollower): LogFollower {
  return {
    readFrom: (log) => follower.readFrom(log),
    mark: (owner, ids, grace) => follower.mark(owner, ids, grace),
    unmark: (owner, ids, until) => follower.unmark(owner, ids, until),
    due: (query) => follower.due(query),
    advance: (entries, owner) => follower.advance(entries, owner),
    standings: (conversationId, userIds) => follower.standings(conversationId, userIds),
    wiped: (query) => follower.wiped(query),
    pruned: (...place) => follower.pruned(...place),
    spans: (query) => follower.spans(query),
  };
}

function idOf(outcome: AppendOutcome): number | string {
  return outcome.status === "refused" ? outcome.error.message : outcome.entry.messageId;
}
