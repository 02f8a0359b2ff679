/** A chat server that takes connections, as it says of itself. */
export interface AnnouncedServer {
  readonly serverId: string;
  /** Where devices reach it: an absolute ws or wss URL. */
  readonly url: string;
  /** Where it stands; absent where there are no regions. */
  readonly region?: string;
  /** Open connections. */
  readonly connections: number;
  /** The most connections that it takes. */
  readonly capacity: number;
  /** True while it is going away. */
  readonly draining: boolean;
}

/** Which chat servers there are, and how busy they are. Whoever asks for the best one is told from this. */
export interface Discovery {
  /**
   * Makes a server known, or known anew: replaces what was said of it before. Resolves when {@link list} of everybody shows it.
   * @param lease ms without another announcement after which it counts as gone; where the engine has sessions of its own
   * (ZooKeeper), the end of the announcer's session counts instead
   * @throws ChatError `store_unavailable`
   */
  announce(server: AnnouncedServer, lease: number): Promise<void>;

  /** Takes a server out at once. Harmless if it is not there. @throws ChatError `store_unavailable` */
  withdraw(serverId: string): Promise<void>;

  /** Every live server, in any order. @throws ChatError `store_unavailable` */
  list(): Promise<readonly AnnouncedServer[]>;

  /** Lets go of what it opened. What the application brought stays open. */
  close(): Promise<void>;
}
