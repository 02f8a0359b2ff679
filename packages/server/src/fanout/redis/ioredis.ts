import { systemRuntime } from "@chat/protocol";
import { CommandWatch } from "./command-watch.js";
import type { RedisConnection } from "./redis-connection.js";

/** What is called of a client of the package `ioredis`. */
export interface IoredisClient {
  call(command: string, ...args: (string | Buffer)[]): Promise<unknown>;
  duplicate(override: { readonly enableOfflineQueue: true; readonly keepAlive: number }): IoredisSubscriber;
}

/** What is called of the client that listens, or blocks. */
export interface IoredisSubscriber {
  callBuffer(command: string, ...args: (string | Buffer)[]): Promise<unknown>;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "messageBuffer", listener: (channel: Buffer, message: Buffer) => void): unknown;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  disconnect(): void;
}

/**
 * What differs for whoever listens. It waits for its connection where the client is set to refuse what comes before; and it says nothing by
 * itself, so that the system has to ask, after so many ms, whether the other side is still there: with ioredis 5 it does after two hours.
 */
const LISTENING = { enableOfflineQueue: true, keepAlive: 10_000 } as const;

/**
 * Takes a client of the package `ioredis`.
 * @param client stays open; for listening a duplicate of it is opened, and closed again
 */
export function ioredis(client: IoredisClient): RedisConnection {
  const watch = new CommandWatch(systemRuntime().clock);
  return {
    command: ([command, ...args]) => watch.run(() => client.call(String(command), ...args)),
    subscriber() {
      const duplicate = client.duplicate(LISTENING);
      const listeners = new Map<string, (message: Uint8Array) => void>();
      // It reconnects by itself; the application hears of the outage from its own client.
      duplicate.on("error", () => {});
      duplicate.on("messageBuffer", (channel, message) => listeners.get(channel.toString())?.(message));
      return {
        subscribe(channel, listener) {
          listeners.set(channel, listener);
          return duplicate.subscribe(channel);
        },
        unsubscribe(channel) {
          listeners.delete(channel);
          return duplicate.unsubscribe(channel);
        },
        close: () => duplicate.disconnect(),
      };
    },
    reader() {
      const duplicate = client.duplicate(LISTENING);
      duplicate.on("error", () => {});
      return {
        command: ([command, ...args]) => duplicate.callBuffer(String(command), ...args),
        close: () => duplicate.disconnect(),
      };
    },
  };
}
