import { systemRuntime } from "@chat/protocol";
import { CommandWatch } from "./command-watch.js";
import type { RedisConnection } from "./redis-connection.js";

/**
 * By default version 6 makes an AbortSignal for each command, which guards it only until it is written, and which throws an error away 5 s
 * later: half of what a command costs. What is not answered is given up here instead, see {@link CommandWatch}.
 */
const UNGUARDED = { timeout: 0 };
/** Strings of an answer as Buffers, and a map as the array of its keys and values: the numbers are RESP's. */
const AS_BUFFERS = { ...UNGUARDED, typeMapping: { 36: Buffer, 37: Array } };

/** What is called of a client of the package `redis` (node-redis). */
export interface NodeRedisClient {
  readonly isReady: boolean;
  sendCommand(args: (string | Buffer)[], options: { timeout: number }): Promise<unknown>;
  duplicate(): NodeRedisSubscriber;
}

/** What is called of the client that listens, or blocks. */
export interface NodeRedisSubscriber {
  readonly isOpen: boolean;
  sendCommand(
    args: (string | Buffer)[],
    options: { timeout: number; typeMapping: { 36: BufferConstructor; 37: ArrayConstructor } },
  ): Promise<unknown>;
  on(event: "error", listener: (error: Error) => void): unknown;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (message: Buffer) => void, bufferMode: true): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  destroy(): void;
}

/**
 * Takes a client of the package `redis`. Connect it yourself, and listen to its `error` events, as always with that package.
 * One of version 5 must have been created with `disableOfflineQueue: true`: otherwise it can get stuck for ever when
 * Redis restarts while a command is on its way.
 * @param client stays open; for listening a duplicate of it is opened, and closed again
 */
export function nodeRedis(client: NodeRedisClient): RedisConnection {
  const watch = new CommandWatch(systemRuntime().clock);
  return {
    // What would be queued without a connection is old when there is one again.
    command: (args) =>
      client.isReady
        ? watch.run(() => client.sendCommand([...args], UNGUARDED))
        : Promise.reject(new Error("Redis is not connected.")),
    subscriber() {
      const duplicate = client.duplicate();
      // It reconnects by itself; the application hears of the outage from its own client.
      duplicate.on("error", () => {});
      const connected = duplicate.connect();
      connected.catch(() => {});
      return {
        async subscribe(channel, listener) {
          await connected;
          await duplicate.subscribe(channel, (message) => listener(message), true);
        },
        unsubscribe: (channel) => duplicate.unsubscribe(channel),
        close() {
          if (duplicate.isOpen) duplicate.destroy();
        },
      };
    },
    reader() {
      const duplicate = client.duplicate();
      duplicate.on("error", () => {});
      const connected = duplicate.connect();
      connected.catch(() => {});
      return {
        async command(args) {
          await connected;
          return duplicate.sendCommand([...args], AS_BUFFERS);
        },
        close() {
          if (duplicate.isOpen) duplicate.destroy();
        },
      };
    },
  };
}
