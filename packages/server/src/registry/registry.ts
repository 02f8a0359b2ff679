/** One run of one server process. A restarted server has the same or another id, and always a new incarnation. */
export interface ServerIdentity {
  readonly serverId: string;
  /** A UUID per run; fences off what an earlier run left. */
  readonly incarnation: string;
}

/** One authenticated socket. */
export interface SessionRecord {
  readonly userId: string;
  readonly deviceId: string;
  /** A UUID per socket, so that a late close does not erase the newer connection's record. */
  readonly connectionId: string;
}

/** Which server holds which sessions. Leased per server, because servers die. */
export interface Registry {
  /**
   * Announces a server and begins its lease; records of its earlier incarnations are gone.
   * @param lease ms without {@link renew} after which the server and its records count as gone
   */
  join(server: ServerIdentity, lease: number): Promise<void>;

  /** Renews the lease. Resolves to false if it had run out: the server must join and register its sessions again. */
  renew(server: ServerIdentity): Promise<boolean>;

  /** Removes the server and its records. */
  leave(server: ServerIdentity): Promise<void>;

  /**
   * Records a session; resolves when {@link serversOf} of every server sees it. Idempotent.
   * @throws ChatError `store_unavailable` if the server has not joined, or its lease has run out since
   */
  register(server: ServerIdentity, session: SessionRecord): Promise<void>;

  /** Removes the record of this very connection (compare and delete). */
  unregister(server: ServerIdentity, session: SessionRecord): Promise<void>;

  /**
   * Users have become members of a conversation; absent where the registry looks memberships up, or knows nothing of them. Resolves when
   * {@link serversOf} names the servers that hold their sessions. Idempotent. Who is registered later is not told of: the registry reads the
   * user's conversations then.
   * @throws ChatError `store_unavailable`
   */
  joined?(conversationId: string, userIds: readonly string[]): Promise<void>;

  /**
   * The live servers that hold sessions of the conversation's members. May name more servers than needed,
   * never fewer among those whose lease runs.
   */
  serversOf(conversationId: string): Promise<readonly string[]>;

  /** Every live server, whether it holds sessions or not. May name one that has just gone, never fewer than there are. */
  servers(): Promise<readonly string[]>;
}
