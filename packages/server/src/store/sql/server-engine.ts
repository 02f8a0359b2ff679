import { type ChatError, newUuid, type Runtime } from "@chat/protocol";
import type { StoreInfo } from "../chat-store.js";
import type { EngineFailure } from "./engine-failure.js";
import type { SqlEngine, SqlTransaction, SqlValue } from "./sql-engine.js";
import type { SqlQuery } from "./sql-query.js";
import { closedError, unavailable } from "./unavailable.js";

/** How long transactions that are in each other's way are tried again, ms. */
const AGAIN_DEADLINE = 5_000;
/** The longest pause between two tries, ms; the actual one is random below it. */
const AGAIN_PAUSE = 20;
/** How long `open` waits for a server that is away, ms, and how long between two tries. */
const OPEN_DEADLINE = 10_000;
const OPEN_PAUSE = 250;

/** What one kind of server does in its own way. Everything may throw what its driver throws. */
export interface ServerDialect<Client, Text> {
  /** How its log lines begin: `postgres`. */
  readonly name: string;
  /** The shared stores' statements. */
  readonly queries: Readonly<Record<SqlQuery, Text>>;
  /** Sorts what a pool, a client or our own work threw. */
  failureOf(thrown: unknown): EngineFailure;
  /** Runs work on a client of the pool. One that failed in any other way than by a refused statement is not used again. */
  use<T>(runtime: Runtime, work: (client: Client) => Promise<T>): Promise<T>;
  /** Checks the server, and makes or checks the tables. */
  prepare(client: Client): Promise<void>;
  /** Begins a transaction and says which run of which server this is. */
  begin(client: Client): Promise<string>;
  /** Runs one of the shared statements or one of one's own; in a transaction as part of it. */
  query<Row>(client: Client, name: string, text: Text, values: readonly SqlValue[]): Promise<Row[]>;
  end(client: Client, how: "COMMIT" | "ROLLBACK"): Promise<void>;
  /** As {@link SqlTransaction.write}. */
  write(client: Client, writes: Parameters<SqlTransaction["write"]>[0]): Promise<void>;
  /** In a transaction: begins a boot, under the lock that change numbers are given out under. */
  beginBoot(client: Client, id: string): Promise<void>;
  readonly epoch: Text;
}

/** A SQL server behind the application's own pool: tries again, waits, and tells when it is away. The rest is its dialect's. */
export class ServerEngine<Client, Text> implements SqlEngine {
  readonly #dialect: ServerDialect<Client, Text>;
  #runtime: Runtime | undefined;
  #instance: string | undefined;
  #awaySince: number | undefined;
  #underWay = 0;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  constructor(dialect: ServerDialect<Client, Text>) {
    this.#dialect = dialect;
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
    await this.#whenThere((client) => this.#dialect.prepare(client));
  }

  async open(runtime: Runtime): Promise<StoreInfo> {
    await this.attach(runtime);
    return this.#whenThere(async (client) => {
      await this.#beginBoot(client);
      const [store] = await this.#dialect.query<StoreInfo>(client, "boot_epoch", this.#dialect.epoch, []);
      return store!;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  read<Row>(query: SqlQuery, values: readonly SqlValue[]): Promise<Row[]> {
    return this.statement(query, this.#dialect.queries[query], values);
  }

  /** Runs one statement that is a transaction of its own and does no harm when it is run twice. */
  statement<Row>(name: string, text: Text, values: readonly SqlValue[]): Promise<Row[]> {
    return this.#use(
      (client) => this.#dialect.query<Row>(client, name, text, values),
      (tries) => tries < 2,
    );
  }

  async transact<T>(work: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    let isCommitting = false;
    const attempt = async (client: Client): Promise<T | OtherInstance> => {
      isCommitting = false;
      try {
        const instance = await this.#dialect.begin(client);
        if (!this.isSameInstance(instance)) {
          await this.#dialect.end(client, "ROLLBACK");
          return OTHER_INSTANCE;
        }
        const result = await work(this.#transactionOn(client));
        isCommitting = true;
        await this.#dialect.end(client, "COMMIT");
        return result;
      } catch (thrown) {
        await this.#rollBack(client, thrown);
        throw thrown;
      }
    };
    for (;;) {
      // While the commit is on its way nobody knows what becomes of it; before, nothing was done.
      const result = await this.#use(attempt, (tries) => !isCommitting && tries < 2);
      if (result !== OTHER_INSTANCE) return result;
      await this.renewBoot();
    }
  }

  isSameInstance(instance: string): boolean {
    return instance === this.#instance;
  }

  renewBoot(): Promise<void> {
    return this.#use((client) => this.#beginBoot(client));
  }

  /** One of which nobody knows whether it was committed does no harm beside the next. */
  async #beginBoot(client: Client): Promise<void> {
    try {
      const found = await this.#dialect.begin(client);
      await this.#dialect.beginBoot(client, newUuid(this.runtime.random));
      await this.#dialect.end(client, "COMMIT");
      this.#instance = found;
    } catch (thrown) {
      await this.#rollBack(client, thrown);
      throw thrown;
    }
  }

  /**
   * Whoever takes the connection next, the application itself perhaps, must find no transaction open: also after a commit that was
   * refused, or a beginning that was cancelled half-way.
   */
  async #rollBack(client: Client, thrown: unknown): Promise<void> {
    if (this.#dialect.failureOf(thrown).kind !== "lost") await this.#dialect.end(client, "ROLLBACK");
  }

  #transactionOn(client: Client): SqlTransaction {
    const { queries } = this.#dialect;
    return {
      all: (query, values) => this.#dialect.query(client, query, queries[query], values),
      write: (writes) => this.#dialect.write(client, writes),
    };
  }

  /** Waits for a server that is away, or goes away, when the store is opened. */
  async #whenThere<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const { clock } = this.runtime;
    const began = clock.monotonic();
    for (;;) {
      try {
        const result = await this.#dialect.use(this.runtime, work);
        this.#succeeded();
        return result;
      } catch (thrown) {
        const { kind, error } = this.#dialect.failureOf(thrown);
        if (kind === "statement") throw error;
        if (kind !== "again") this.#failed(error);
        if (clock.monotonic() - began >= OPEN_DEADLINE) throw error;
      }
      await this.#pause(OPEN_PAUSE);
    }
  }

  /** Runs work on a client, again where that helps. @param mayRetry after a lost connection */
  async #use<T>(
    work: (client: Client) => Promise<T>,
    mayRetry: (tries: number) => boolean = () => false,
  ): Promise<T> {
    if (this.#closed) throw closedError();
    const { clock } = this.runtime;
    const began = clock.monotonic();
    this.#underWay++;
    try {
      for (let losses = 0; ;) {
        try {
          const result = await this.#dialect.use(this.runtime, work);
          this.#succeeded();
          return result;
        } catch (thrown) {
          const { kind, error } = this.#dialect.failureOf(thrown);
          const isOver = clock.monotonic() - began >= AGAIN_DEADLINE;
          const isRetried = kind === "again" ? !isOver : kind === "lost" && mayRetry(++losses);
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

  #failed({ message }: ChatError): void {
    if (this.isAway) return;
    this.#awaySince = this.runtime.clock.monotonic();
    this.runtime.log("error", `${this.#dialect.name}_away`, { reason: message });
  }

  #succeeded(): void {
    if (this.#awaySince === undefined) return;
    const ms = Math.round(this.runtime.clock.monotonic() - this.#awaySince);
    this.#awaySince = undefined;
    this.runtime.log("info", `${this.#dialect.name}_back`, { ms });
  }
}

const OTHER_INSTANCE = Symbol("other instance");
type OtherInstance = typeof OTHER_INSTANCE;
