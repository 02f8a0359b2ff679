/** A statement as `mysql2` takes it; the rest keeps the application's own settings of the pool from our rows. */
export interface MysqlQuery {
  readonly sql: string;
  readonly values?: (string | null)[];
  readonly namedPlaceholders: false;
  readonly rowsAsArray: false;
  readonly nestTables: false;
  readonly typeCast: (field: unknown, next: () => unknown) => unknown;
}

/** A connection that was taken from the pool, as far as it is called. */
export interface MysqlConnection {
  /** The same object each time that this connection is taken; the driver's major before says nothing of it in its types. */
  readonly connection?: object;
  query(query: MysqlQuery): Promise<readonly [unknown, unknown]>;
  /** Prepared once per connection. */
  execute(query: MysqlQuery): Promise<readonly [unknown, unknown]>;
  /** Gives it back. */
  release(): void;
  /** Closes it. */
  destroy(): void;
}

/**
 * The application's own pool, as far as it is called: the `Pool` of `mysql2/promise` is one, or `pool.promise()` of one of `mysql2`. It stays
 * the application's; nothing here ends it.
 */
export interface MysqlPool {
  getConnection(): Promise<MysqlConnection>;
}
