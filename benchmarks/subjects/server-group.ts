import { createRunDatabase } from "./engines.js";
import type { ServerMemory, ServerUsage } from "./serve.js";
import { ServerProcess } from "./server-process.js";
import type { Subject } from "./subject.js";

/** The servers of one subject in one run: mostly a single one. */
export class ServerGroup {
  private constructor(
    private readonly servers: readonly ServerProcess[],
    private readonly dropDatabase: () => Promise<void>,
  ) {}

  static async start({ program, engines, servers = 1, settings, counts }: Subject): Promise<ServerGroup> {
    const database = engines === undefined ? undefined : await createRunDatabase(engines);
    const environment = {
      ...database?.environment,
      ...(settings !== undefined && { CHAT_BENCH_SETTINGS: JSON.stringify(settings) }),
      ...(counts === true && { CHAT_BENCH_STATEMENTS: "1" }),
    };
    const started: ServerProcess[] = [];
    for (let count = 0; count < servers; count++) {
      started.push(await ServerProcess.start(program, undefined, environment));
    }
    return new ServerGroup(started, async () => database?.drop());
  }

  get ports(): readonly number[] {
    return this.servers.map(({ port }) => port);
  }

  /** Of all of them together; what engines of their own use is not in it. */
  async usage(): Promise<ServerUsage> {
    const all = await Promise.all(this.servers.map((server) => server.usage()));
    const sum = (of: keyof ServerUsage): number => all.reduce((total, usage) => total + usage[of], 0);
    return {
      cpu: sum("cpu"),
      statements: sum("statements"),
      writes: sum("writes"),
      publishes: sum("publishes"),
    };
  }

  /** Of all of them together, right after a collection. */
  async memory(): Promise<ServerMemory> {
    const all = await Promise.all(this.servers.map((server) => server.memory()));
    const sum = (of: keyof ServerMemory): number => all.reduce((total, memory) => total + memory[of], 0);
    return { rss: sum("rss"), heap: sum("heap") };
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.dropDatabase();
  }
}
