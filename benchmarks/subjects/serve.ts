import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What the load asks of a server process, over its IPC channel. */
export type ServerQuestion = "usage" | "memory" | "stop";

/** What a server process answers. */
export interface ServerUsage {
  /** µs of CPU, user and system, since the process began. */
  readonly cpu: number;
  /** SQL statements that were run, where the program counts them; those of them that write; and envelopes to other servers. */
  readonly statements: number;
  readonly writes: number;
  readonly publishes: number;
}

/** What a server process holds, right after a collection. Bytes. */
export interface ServerMemory {
  readonly rss: number;
  readonly heap: number;
}

/** Listens on a free port of the loopback, tells the load which, and answers its questions. */
export function serve(
  server: Server,
  stop: () => Promise<void> | void,
  counted: Omit<ServerUsage, "cpu"> = { statements: 0, writes: 0, publishes: 0 },
): void {
  server.listen(0, "127.0.0.1", 8_192, () =>
    process.send?.({ port: (server.address() as AddressInfo).port }),
  );
  process.on("message", (question: ServerQuestion) => {
    if (question === "usage") {
      const { user, system } = process.cpuUsage();
      process.send?.({ cpu: user + system, ...counted } satisfies ServerUsage);
    } else if (question === "memory") {
      globalThis.gc?.();
      const { rss, heapUsed } = process.memoryUsage();
      process.send?.({ rss, heap: heapUsed } satisfies ServerMemory);
    } else {
      void Promise.resolve(stop()).then(() => process.exit(0));
    }
  });
  process.on("disconnect", () => process.exit(0));
}
