import { type ChatError, newUuid, type Runtime } from "@chat/protocol";
import type { StoreInfo } from "../chat-store.js";
import type { SqlEngine, SqlTransaction, SqlValue } from "../sql/sql-engine.js";
import type { SqlQuery } from "../sql/sql-query.js";
import { closedError, unavailable } from "../sql/unavailable.js";
import { assertDurable } from "./durability.js";
import { assertSchema, migrateClient } from "./migrate-postgres.js";
import { PostgresConnections } from "./postgres-connection.js";
import { failureOf } from "./postgres-failure.js";
import type { PostgresClient, PostgresPool } from "./postgres-pool.js";
import { POSTGRES_TYPES } from "./postgres-types.js";
import { FEED, POSTGRES_QUERIES } from "./postgres-queries.js";
import { writeBatch } from "./write-batch.js";

/** How long transactions that are in each other's way are tried again, ms. */
const AGAIN_DEADLINE = 5_000;
/** The longest pause between two tries, ms; the actual one is random below it. */
const AGAIN_PAUSE = 20;
/** How long `open` waits for a server that is away, ms, and how long between two tries. */
const OPEN_DEADLINE = 10_000;
const OPEN_PAUSE = 250;

/** What a boot begins with, under the lock that change numbers are given out under. */
const BOOT = {
  lock: "SELECT FROM chat_store FOR NO KEY UPDATE",
  // A logical copy of the tables brings no sequences along.
  sequence: `${FEED} SELECT setval('chat_change', feed.position) FROM feed, chat_change
    WHERE feed.position > chat_change.last_value`,
  begin: `${FEED} INSERT INTO chat_boot (id, first_change) SELECT $1, feed.position + 1 FROM feed`,
  epoch: "SELECT epoch FROM chat_store",
} as const;

/** What the engine is told by the application. */
export interface PostgresEngineOptions {
  readonly allowVolatile: boolean;
  readonly migrate: boolean;
  readonly prepare: boolean;
}

/** PostgreSQL, over the application's own pool. */
export class PostgresEngine implements SqlEngine {
  readonly #pool: PostgresPool;
  readonly #options: PostgresEngineOptions;
  readonly #connections: PostgresConnections;
  readonly #begin: string;
  readonly #onPoolError = (error: Error): void => this.#heard(error);
  #runtime: Runtime | undefined;
  #instance: string | undefined;
  #awaySince: number | undefined;
  #underWay = 0;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  constructor(pool: PostgresPool, options: PostgresEngineOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#connections = new PostgresConnections(pool, options.prepare);
    this.#begin = beginOf(options.allowVolatile);
  }

  get runtime(): Runtime {
    if (this.#runtime === undefined) throw unavailable("The store is not open yet; wait for open().");
    return this.#runtime;
  }

  get isAway(): boolean {
    return this.#awaySince !== undefined;
  }

  /** Connects to the server, which must be fit, and to its tables, which are made where there are none. */
  async attach(runtime: Runtime): Promise<void> {
    if (this.#closed) throw closedError();
    this.#runtime = runtime;
    await this.#whenThere(() => this.#connections.use(runtime, (client) => this.#prepareDatabase(client)));
  }

  async open(runtime: Runtime): Promise<StoreInfo> {
    if (this.#closed) throw closedError();
    // A pool that nobody listens to ends the process when PostgreSQL ends an idle connection.
    this.#pool.on("error", this.#onPoolError);
    await this.attach(runtime);
    await this.renewBoot();
    const [store] = await this.statement<StoreInfo>("boot_epoch", BOOT.epoch, []);
    return store!;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    this.#pool.off("error", this.#onPoolError);
  }

  read<Row>(query: SqlQuery, values: readonly SqlValue[]): Promise<Row[]> {
    return this.statement(query, POSTGRES_QUERIES[query], values);
  }

  /** Runs one statement that is a transaction of its own and does no harm when it is run twice. */
  statement<Row>(name: string, text: string, values: readonly SqlValue[]): Promise<Row[]> {
    const parameters = values.map(parameterOf);
    return this.#use(
      (client) => this.#connections.query<Row>(client, name, text, parameters),
      (_, tries) => tries < 2,
    );
  }

  transact<T>(work: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    let isCommitting = false;
    const attempt = async (client: PostgresClient): Promise<T | OtherInstance> => {
      isCommitting = false;
      const instance = await this.#beginOn(client);
      if (!this.isSameInstance(instance)) {
        await this.#plain(client, "ROLLBACK");
        return OTHER_INSTANCE;
      }
      try {
        const result = await work(this.#transactionOn(client));
        isCommitting = true;
        await this.#plain(client, "COMMIT");
        return result;
      } catch (thrown) {
        if (!isCommitting && failureOf(thrown).kind !== "lost") await this.#plain(client, "ROLLBACK");
        throw thrown;
      }
    };
    // While the commit is on its way nobody knows what becomes of it; before, nothing was done.
    const mayRetry = (_: unknown, tries: number): boolean => !isCommitting && tries < 2;
    return this.#untilSameInstance(() => this.#use(attempt, mayRetry));
  }

  isSameInstance(instance: string): boolean {
    return instance === this.#instance;
  }

  async renewBoot(): Promise<void> {
    const id = newUuid(this.runtime.random);
    const instance = await this.#use(async (client) => {
      const found = await this.#beginOn(client);
      const query = (name: keyof typeof BOOT, values: unknown[]): Promise<unknown[]> =>
        this.#connections.query(client, `boot_${name}`, BOOT[name], values);
      await query("lock", []);
      await query("sequence", [""]);
      await query("begin", [id]);
      await this.#plain(client, "COMMIT");
      return found;
    });
    this.#instance = instance;
  }

  async #prepareDatabase(client: PostgresClient): Promise<void> {
    await assertDurable(client, this.#options.allowVolatile);
    await (this.#options.migrate ? migrateClient(client) : assertSchema(client));
  }

  #transactionOn(client: PostgresClient): SqlTransaction {
    return {
      all: (query, values) =>
        this.#connections.query(client, query, POSTGRES_QUERIES[query], values.map(parameterOf)),
      write: (writes) =>
        writeBatch(
          (name, text, values) => this.#connections.query(client, `write_${name}`, text, values),
          writes,
        ),
    };
  }

  /** Begins a transaction and says which run of which server this is. */
  async #beginOn(client: PostgresClient): Promise<string> {
    const rows = await this.#plain(client, this.#begin);
    return (rows[0] as { readonly instance: string }).instance;
  }

  /** Statements without parameters, in one message; the rows of the last one. */
  async #plain(client: PostgresClient, text: string): Promise<readonly unknown[]> {
    const answer: unknown = await client.query({ text, types: POSTGRES_TYPES });
    const last = (Array.isArray(answer) ? answer[answer.length - 1] : answer) as { readonly rows: unknown[] };
    return last.rows;
  }

  async #untilSameInstance<T>(attempt: () => Promise<T | OtherInstance>): Promise<T> {
    for (;;) {
      const result = await attempt();
      if (result !== OTHER_INSTANCE) return result;
      await this.renewBoot();
    }
  }

  /** Waits for a server that is away when the store is opened. */
  async #whenThere(attempt: () => Promise<void>): Promise<void> {
    const { clock } = this.runtime;
    const began = clock.monotonic();
    for (;;) {
      try {
        await attempt();
        this.#succeeded();
        return;
      } catch (thrown) {
        const { kind, error } = failureOf(thrown);
        if (kind === "statement") throw error;
        this.#failed(error);
        if (clock.monotonic() - began >= OPEN_DEADLINE) throw error;
      }
      await this.#pause(OPEN_PAUSE);
    }
  }

  /** Runs work on a client, again where that helps. @param mayRetry after a lost connection */
  async #use<T>(
    work: (client: PostgresClient) => Promise<T>,
    mayRetry: (thrown: unknown, tries: number) => boolean = () => false,
  ): Promise<T> {
    if (this.#closed) throw closedError();
    const { clock } = this.runtime;
    const began = clock.monotonic();
    this.#underWay++;
    try {
      for (let losses = 0; ;) {
        try {
          const result = await this.#connections.use(this.runtime, work);
          this.#succeeded();
          return result;
        } catch (thrown) {
          const { kind, error } = failureOf(thrown);
          const isOver = clock.monotonic() - began >= AGAIN_DEADLINE;
          const isRetried = kind === "again" ? !isOver : kind === "lost" && mayRetry(thrown, ++losses);
          if (!isRetried) {
            if (kind === "lost" || kind === "engine") this.#failed(error);
            throw error;
          }
        }
        await this.#pause(1 + this.runtime.random.float() * AGAIN_PAUSE);
      }
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  #pause(duration: number): Promise<void> {
    return new Promise((resolve) => this.runtime.clock.schedule(duration, resolve));
  }

  /** An idle connection was lost; the next call will tell whether there are others. */
  #heard(error: Error): void {
    this.runtime.log("debug", "postgres_connection_lost", { error: error.message });
  }

  #failed({ message }: ChatError): void {
    if (this.isAway) return;
    this.#awaySince = this.runtime.clock.monotonic();
    this.runtime.log("error", "postgres_away", { reason: message });
  }

  #succeeded(): void {
    if (this.#awaySince === undefined) return;
    const ms = Math.round(this.runtime.clock.monotonic() - this.#awaySince);
    this.#awaySince = undefined;
    this.runtime.log("info", "postgres_back", { ms });
  }
}

const OTHER_INSTANCE = Symbol("other instance");
type OtherInstance = typeof OTHER_INSTANCE;

/** pg makes a Buffer of bytes by itself, but not of a view of some. */
function parameterOf(value: SqlValue): unknown {
  return value instanceof Uint8Array ? Buffer.from(value) : value;
}

/**
 * What every transaction begins with. A server that goes away half-way holds no locks for long; a commit is waited for until it is on
 * the disk, whatever the role's or the session's default is.
 */
function beginOf(allowVolatile: boolean): string {
  const synchronous = `, set_config('synchronous_commit',
    replace(current_setting('synchronous_commit'), 'off', 'on'), true)`;
  return `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SELECT set_config('lock_timeout', '5s', true), set_config('idle_in_transaction_session_timeout', '10s', true)
    ${allowVolatile ? "" : synchronous}, extract(epoch FROM pg_postmaster_start_time())::text AS instance`;
}
