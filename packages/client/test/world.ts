import { ChatError } from "@chat/protocol";
import { createChatClient } from "../src/index.js";
import type { ChatClient, ChatClientOptions } from "../src/public-types.js";
import { memoryCache } from "../src/cache/memory-cache.js";
import type { Cache } from "../src/cache/cache.js";
import { type FakeServer, fakeServer, type FakeServerOptions } from "../src/testing/fake-server.js";
import {
  seededRandom,
  type VirtualClock,
  virtualClock,
  virtualRuntime,
} from "../src/testing/virtual-clock.js";

/** A fake server, a clock, and devices as they are asked for. */
export interface World {
  readonly clock: VirtualClock;
  readonly server: FakeServer;
  /** A client that is closed with the world. */
  device(userId: string, options?: Partial<ChatClientOptions>): ChatClient;
  /** A cache that outlives the client that closes it, like a database. */
  cache(): Cache;
  close(): Promise<void>;
}

/** A cache that stays readable for the next client after `close`. */
function durable(cache: Cache): Cache {
  return { ...cache, persistent: true, close: () => Promise.resolve() };
}

/** What one client has of a cache that outlives it: it refuses once that client has closed it, as every cache has to. */
function opened(cache: Cache): Cache {
  let closed = false;
  const guarded =
    <A extends unknown[], R>(call: (...values: A) => Promise<R>) =>
    async (...values: A): Promise<R> => {
      if (closed) throw new ChatError("closed", "This cache was closed.");
      return call(...values);
    };
  return {
    get persistent() {
      return cache.persistent;
    },
    load: guarded(() => cache.load()),
    read: guarded((...query) => cache.read(...query)),
    commit: guarded((...changes) => cache.commit(...changes)),
    wipe: guarded(() => cache.wipe()),
    async close() {
      closed = true;
      await cache.close();
    },
  };
}

export function createWorld(options: Partial<FakeServerOptions> & { seed?: number } = {}): World {
  const { seed = 1, ...more } = options;
  const clock = virtualClock();
  const server = fakeServer({ runtime: virtualRuntime(clock, seed), ...more });
  const devices: ChatClient[] = [];
  let seeds = seed * 1_000;
  return {
    clock,
    server,
    device(userId, more = {}) {
      const runtime = virtualRuntime(clock, ++seeds);
      const { cache = memoryCache(runtime) } = more;
      const device = createChatClient({
        url: "wss://chat.test/",
        userId,
        token: "a token",
        runtime,
        transport: server.connect,
        ...more,
        cache: opened(cache),
      });
      devices.push(device);
      return device;
    },
    cache: () => durable(memoryCache({ random: seededRandom(++seeds) })),
    async close() {
      await Promise.all(devices.map((device) => device.close()));
    },
  };
}

/** The texts that a timeline shows, a pending one in brackets, a failed one with an exclamation mark. */
export function texts(device: ChatClient, conversationId: string): string[] {
  const messages = device.conversations.get(conversationId)?.timeline.messages ?? [];
  return messages
    .filter(({ text }) => text !== undefined)
    .map(({ text, state }) => (state === "stored" ? text! : state === "pending" ? `(${text})` : `${text}!`));
}
