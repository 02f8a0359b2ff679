import { systemRuntime } from "@chat/protocol";
import { expect, it } from "vitest";
import { failureOf } from "../../src/store/postgres/postgres-failure.js";
import { ServerEngine } from "../../src/store/sql/server-engine.js";

/** An engine on the one connection of a pool, as PostgreSQL keeps its transaction: cancelled half-way in its beginning it is open, and takes nothing but its end. */
function openEngine() {
  const connection = { isAborted: false, isCancelled: false };
  const failure = (code: string): Error => Object.assign(new Error(code), { code });
  const engine = new ServerEngine<object, string>({
    name: "postgres",
    queries: {} as never,
    failureOf,
    use: (_runtime, work) => work({}),
    prepare: async () => {},
    async begin() {
      if (connection.isAborted) throw failure("25P02");
      connection.isAborted = connection.isCancelled;
      if (connection.isCancelled) throw failure("57014");
      return "this run of the server";
    },
    query: async () => [{ epoch: "epoch" }] as never,
    async end() {
      connection.isAborted = false;
    },
    write: async () => {},
    beginBoot: async () => {},
    epoch: "",
  });
  return { engine, connection };
}

it.each(["transaction", "boot"] as const)(
  "gives no connection back with a %s open on it whose beginning was cancelled",
  async (what) => {
    const { engine, connection } = openEngine();
    await engine.open(systemRuntime());
    const work = () => (what === "boot" ? engine.renewBoot() : engine.transact(async () => {}));
    connection.isCancelled = true;
    await expect(work()).rejects.toMatchObject({ code: "store_unavailable" });
    connection.isCancelled = false;
    await expect(work()).resolves.toBeUndefined();
  },
);
