/** What a callback is given when a request failed; ZooKeeper's own errors have a code. */
export interface ZooKeeperFailure {
  readonly name: string;
  readonly code?: number;
}

/** What is read of a node's status. */
export interface ZooKeeperStat {
  /** The id of the session that the node goes with. */
  readonly ephemeralOwner: Buffer;
}

type Done = (error: ZooKeeperFailure | null) => void;

/** What is called of a client of the package `node-zookeeper-client`. */
export interface ZooKeeperClient {
  connect(): void;
  close(): void;
  getState(): { readonly name: string };
  getSessionId(): Buffer;
  once(event: "connected" | "expired", listener: () => void): unknown;
  mkdirp(path: string, done: Done): void;
  create(path: string, data: Buffer, mode: number, done: Done): void;
  setData(
    path: string,
    data: Buffer,
    done: (error: ZooKeeperFailure | null, stat: ZooKeeperStat) => void,
  ): void;
  remove(path: string, done: Done): void;
  getChildren(path: string, done: (error: ZooKeeperFailure | null, children: string[]) => void): void;
  getData(path: string, done: (error: ZooKeeperFailure | null, data: Buffer | undefined) => void): void;
}
