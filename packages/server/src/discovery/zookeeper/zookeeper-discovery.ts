import { ChatError, type Clock, systemRuntime } from "@chat/protocol";
import { inTime } from "../../in-time.js";
import { decodeAnnouncements, encodeAnnouncement } from "../announcement.js";
import type { AnnouncedServer, Discovery } from "../discovery.js";
import type { ZooKeeperClient, ZooKeeperFailure } from "./zookeeper-client.js";

/** How long a call may take, the first one with connecting, ms. */
const CALL_DEADLINE = 5_000;
/** How long a client may take to connect again, ms; then it is given up for another one. */
const RECONNECT_PATIENCE = 5_000;
const EPHEMERAL = 1;
const NO_NODE = -101;

/** Settings of {@link zookeeperDiscovery}. */
export interface ZooKeeperDiscoveryOptions {
  /** The node that the servers' nodes lie in; made where it is missing. `/chat/servers` by default. */
  readonly path?: string;
  /** Time; the real one by default. */
  readonly clock?: Clock;
}

/**
 * The discovery in ZooKeeper: each server is an ephemeral node, and is gone when the session that announced it is.
 * @param open makes a client: `() => createClient("zk1:2181,zk2:2181", { sessionTimeout: 10_000 })`. It is connected here, closed
 * by `close()`, and made anew when its session has expired. The session's timeout is how long a killed server stays known.
 */
export function zookeeperDiscovery(
  open: () => ZooKeeperClient,
  options: ZooKeeperDiscoveryOptions = {},
): Discovery {
  return new ZooKeeperDiscovery(open, options);
}

class ZooKeeperDiscovery implements Discovery {
  readonly #open: () => ZooKeeperClient;
  readonly #folder: string;
  readonly #clock: Clock;
  #client: ZooKeeperClient | undefined;
  /** Settles with the client's first connection. */
  #connecting: Promise<void> | undefined;
  /** Since when it has been found unconnected, monotonic ms. */
  #awaySince: number | undefined;
  #closed = false;

  constructor(open: () => ZooKeeperClient, { path = "/chat/servers", clock }: ZooKeeperDiscoveryOptions) {
    this.#open = open;
    this.#folder = path;
    this.#clock = clock ?? systemRuntime().clock;
  }

  announce(server: AnnouncedServer, _lease: number): Promise<void> {
    const path = this.#pathOf(server.serverId);
    const data = Buffer.from(encodeAnnouncement(server));
    return this.#run(async (client) => {
      const owner = await ask<Buffer>((done) =>
        client.setData(path, data, (error, stat) => done(error, stat?.ephemeralOwner)),
      ).catch(unless(NO_NODE));
      if (owner?.equals(client.getSessionId())) return;
      // One of an earlier session goes with that, however alive this one is.
      if (owner !== undefined) await ask((done) => client.remove(path, done)).catch(unless(NO_NODE));
      await ask((done) => client.mkdirp(this.#folder, done));
      await ask((done) => client.create(path, data, EPHEMERAL, done));
    });
  }

  withdraw(serverId: string): Promise<void> {
    return this.#run(async (client) => {
      await ask((done) => client.remove(this.#pathOf(serverId), done)).catch(unless(NO_NODE));
    });
  }

  list(): Promise<readonly AnnouncedServer[]> {
    return this.#run(async (client) => {
      const names = await ask<string[]>((done) => client.getChildren(this.#folder, done)).catch(
        unless(NO_NODE),
      );
      const nodes = (names ?? []).map((name) =>
        ask<Buffer | undefined>((done) => client.getData(`${this.#folder}/${name}`, done)).catch(
          unless(NO_NODE),
        ),
      );
      return decodeAnnouncements((await Promise.all(nodes)).map(String));
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#forget();
  }

  #pathOf(serverId: string): string {
    return `${this.#folder}/${encodeURIComponent(serverId)}`;
  }

  async #run<T>(work: (client: ZooKeeperClient) => Promise<T>): Promise<T> {
    const connected = this.#connected();
    const client = this.#client;
    const late = (): Error => {
      // The client does not notice by itself that a line is dead. One that was opened since is another line.
      if (this.#client === client) this.#forget();
      return new Error("ZooKeeper did not answer in time.");
    };
    try {
      return await inTime(this.#clock, CALL_DEADLINE, late, connected.then(work));
    } catch (cause) {
      throw new ChatError("store_unavailable", "The discovery in ZooKeeper does not answer.", { cause });
    }
  }

  async #connected(): Promise<ZooKeeperClient> {
    if (this.#closed) throw new Error("This discovery was closed.");
    const known = this.#client;
    if (known !== undefined) {
      await this.#connecting;
      const { name } = known.getState();
      const now = this.#clock.monotonic();
      if (name === "SYNC_CONNECTED") {
        this.#awaySince = undefined;
        return known;
      }
      this.#awaySince ??= now;
      // A ZooKeeper that is just starting may leave its handshake without an answer, and it waits for that for ever.
      if (now - this.#awaySince > RECONNECT_PATIENCE) this.#forget();
      // It connects again by itself; what waited for that would be old.
      throw new Error(`ZooKeeper is not connected: ${name}.`);
    }
    const client = this.#open();
    this.#client = client;
    this.#connecting = new Promise((resolve) => client.once("connected", resolve));
    // It is of no use any more, and does not say so later.
    client.once("expired", () => {
      if (this.#client === client) this.#client = undefined;
    });
    client.connect();
    await this.#connecting;
    return client;
  }

  #forget(): void {
    const client = this.#client;
    this.#client = this.#awaySince = undefined;
    client?.close();
  }
}

/** Makes a promise of a request with a callback. */
function ask<T = unknown>(
  request: (done: (error: ZooKeeperFailure | null, result?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    request((error, result) => {
      if (error === null || error === undefined) resolve(result as T);
      else reject(new RequestFailure(error));
    });
  });
}

/** A request that ZooKeeper refused, or that a lost connection took along. */
class RequestFailure extends Error {
  readonly code: number | undefined;

  constructor({ name, code }: ZooKeeperFailure) {
    super(name);
    this.code = code;
  }
}

/** Takes a failure of one kind for no result. */
function unless(code: number): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof RequestFailure) || error.code !== code) throw error;
    return undefined;
  };
}
