import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What the load asks of a server process, over its IPC channel. */
export type ServerQuestion = "usage" | "stop";

/** What a server process answers. */
export interface ServerUsage {
  /** µs of CPU, user and system, since the process began. */
  readonly cpu: number;
  /** Bytes. */
  readonly rss: number;
  readonly heap: number;
}

/** Listens on a free port of the loopback, tells the load which, and answers its questions. */
export function serve(server: Server, stop: () => Promise<void> | void): void {
  server.listen(0, "127.0.0.1", 8_192, () =>
    process.send?.({ port: (server.address() as AddressInfo).port }),
  );
  process.on("message", (question: ServerQuestion) => {
    if (question === "usage") {
      const { user, system } = process.cpuUsage();
      const { rss, heapUsed } = process.memoryUsage();
      process.send?.({ cpu: user + system, rss, heap: heapUsed } satisfies ServerUsage);
    } else {
      void Promise.resolve(stop()).then(() => process.exit(0));
    }
  });
  process.on("disconnect", () => process.exit(0));
}
