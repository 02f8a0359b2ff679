import { createRunDatabase } from "./engines.js";
import type { ServerUsage } from "./serve.js";
import { ServerProcess } from "./server-process.js";
import type { Subject } from "./subject.js";

/** The servers of one subject in one run: mostly a single one. */
export class ServerGroup {
  private constructor(
    private readonly servers: readonly ServerProcess[],
    private readonly dropDatabase: () => Promise<void>,
  ) {}

  static async start({ program, engines, servers = 1 }: Subject): Promise<ServerGroup> {
    const database = engines === undefined ? undefined : await createRunDatabase(engines);
    const started: ServerProcess[] = [];
    for (let count = 0; count < servers; count++) {
      started.push(await ServerProcess.start(program, undefined, database?.environment));
    }
    return new ServerGroup(started, async () => database?.drop());
  }

  get ports(): readonly number[] {
    return this.servers.map(({ port }) => port);
  }

  /** Of all of them together; what engines of their own use is not in it. */
  async usage(): Promise<ServerUsage> {
    const all = await Promise.all(this.servers.map((server) => server.usage()));
    return {
      cpu: all.reduce((sum, { cpu }) => sum + cpu, 0),
      statements: all.reduce((sum, { statements }) => sum + statements, 0),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.dropDatabase();
  }
}
