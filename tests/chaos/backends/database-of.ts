import type { Database } from "./database.js";

/** A server of one engine, as the tests of its store start it. */
interface DatabaseServer {
  readonly url: string;
  crash(): Promise<void>;
  start(): Promise<void>;
  keep(): void;
  goBack(): void;
  dispose(): Promise<void>;
}

export function databaseOf(server: DatabaseServer): Awaited<ReturnType<Database["start"]>> {
  return {
    ports: [Number(new URL(server.url).port)],
    crash: () => server.crash(),
    start: () => server.start(),
    keep: () => server.keep(),
    goBack: () => server.goBack(),
    dispose: () => server.dispose(),
  };
}
