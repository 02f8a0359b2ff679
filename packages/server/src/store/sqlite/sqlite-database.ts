/** What a statement can be given. */
export type SqliteValue = string | number | null | Uint8Array;

/**
 * A prepared statement, as far as it is called, with a {@link SqliteValue} for each parameter. `unknown` says the same as
 * better-sqlite3's own declarations, which TypeScript 5 takes for no `SqliteStatement` otherwise.
 */
export interface SqliteStatement {
  run(...parameters: unknown[]): { readonly changes: number };
  get(...parameters: unknown[]): unknown;
  all(...parameters: unknown[]): unknown[];
  iterate(...parameters: unknown[]): IterableIterator<unknown>;
  /** Integers as numbers, whatever the application's own default is. */
  safeIntegers(on: boolean): unknown;
}

/**
 * The application's own database handle, as far as it is called: better-sqlite3's `Database` is one.
 * It stays the application's; nothing here closes it.
 */
export interface SqliteDatabase {
  /** False once the application has closed it. */
  readonly open: boolean;
  /** True while a transaction is open on this handle, also one of the application. */
  readonly inTransaction: boolean;
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
  pragma(sql: string, options?: { readonly simple?: boolean }): unknown;
}
