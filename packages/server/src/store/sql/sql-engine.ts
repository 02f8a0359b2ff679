import type { Runtime } from "@chat/protocol";
import type { StoreInfo } from "../chat-store.js";
import type { BatchWrites } from "./batch-writes.js";
import type { SqlQuery } from "./sql-query.js";

/** What a query can be given; a list is one parameter. */
export type SqlValue = string | number | null | Uint8Array | readonly string[] | readonly number[];

/** One transaction. What it has locked stays locked until it ends. */
export interface SqlTransaction {
  /** Each statement sees what was committed before it. */
  all<Row>(query: SqlQuery, values: readonly SqlValue[]): Promise<Row[]>;

  /**
   * Writes what was put together. The change numbers are given out last, under a lock that is held until the commit,
   * so that their order is that of the commits.
   */
  write(writes: BatchWrites): Promise<void>;
}

/** A SQL server as the shared stores need it; one per kind of server. Everything rejects with ChatError. */
export interface SqlEngine {
  /**
   * Checks that the server is set to be durable, migrates the schema and begins a boot.
   * @throws ChatError `store_unavailable` with a sentence for the operator
   */
  open(runtime: Runtime): Promise<StoreInfo>;

  /** Waits for what is under way. Later calls are refused with `closed`. */
  close(): Promise<void>;

  /** @throws ChatError `store_unavailable` before the engine is open */
  readonly runtime: Runtime;
  /** True from a failure that everybody would meet until something has succeeded again. */
  readonly isAway: boolean;

  /** Runs one statement, in a snapshot of its own. */
  read<Row>(query: SqlQuery, values: readonly SqlValue[]): Promise<Row[]>;

  /**
   * Runs work in a transaction: all of it, or nothing. Deadlocks and the like are tried again, so `work` may be called
   * several times. When the connection is lost during the commit, nobody knows what became of it: `store_unavailable`.
   */
  transact<T>(work: (transaction: SqlTransaction) => Promise<T>): Promise<T>;

  /** True if this is the server that the present boot began on; see {@link feedRows}. */
  isSameInstance(instance: string): boolean;

  /** Begins a boot, unless the server is still the one that the present one began on. */
  renewBoot(): Promise<void>;
}
