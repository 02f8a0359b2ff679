/** A query as `pg` takes it. */
export interface PostgresQuery {
  readonly text: string;
  readonly values?: unknown[];
  /** Prepared once per connection under this name. */
  readonly name?: string;
  readonly types: {
    /** The parser of a column's text, by the type's oid. */
    getTypeParser(oid: number, format?: string): (value: string) => unknown;
  };
}

/** A client that was taken from the pool, as far as it is called. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<{ readonly rows: unknown[] }>;
  on(event: "error", listener: (error: Error) => void): unknown;
  off(event: "error", listener: (error: Error) => void): unknown;
  /** Gives it back; with an error its connection is closed. */
  release(error?: Error): void;
}

/**
 * The application's own pool, as far as it is called: the `Pool` of the package `pg` is one. It stays the application's;
 * nothing here ends it.
 */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  on(event: "error", listener: (error: Error) => void): unknown;
  off(event: "error", listener: (error: Error) => void): unknown;
}
