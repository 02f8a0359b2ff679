/** A connection that only listens. */
export interface RedisSubscriber {
  /** Resolves when the subscription holds, however long it takes to connect; the driver renews it after a reconnect. */
  subscribe(channel: string, listener: (message: Uint8Array) => void): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  /** Closes the connection at once, also one that is still being opened. */
  close(): void;
}

/** A connection for commands that block. */
export interface RedisReader {
  /**
   * As {@link RedisConnection.command}, with every string of the answer as a Buffer. Waits for the connection while that
   * is being opened.
   */
  command(args: readonly (string | Buffer)[]): Promise<unknown>;
  /** Closes the connection at once, also one that is still being opened. */
  close(): void;
}

/** What fan-out and registry need of a Redis client: {@link nodeRedis} and {@link ioredis} make one of theirs. */
export interface RedisConnection {
  /** Sends one command; those of one turn share a write. Rejects with the server's or the connection's error, and after 5 s without an answer. */
  command(args: readonly (string | Buffer)[]): Promise<unknown>;
  /** Opens a connection of its own for subscriptions, with the client's settings. Returns while it is being opened. */
  subscriber(): RedisSubscriber;
  /** Opens a connection of its own for commands that block, with the client's settings. Returns while it is being opened. */
  reader(): RedisReader;
}
