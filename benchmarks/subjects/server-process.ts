import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ServerQuestion, ServerUsage } from "./serve.js";

/** A server program in a process of its own, on a processor of its own where the system can pin it. */
export class ServerProcess {
  private constructor(
    readonly port: number,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(program: string): Promise<ServerProcess> {
    const folder = mkdtempSync(join(tmpdir(), "chat-benchmark-"));
    const file = fileURLToPath(new URL(program, import.meta.url));
    // CHAT_BENCH_NODE="--cpu-prof --cpu-prof-dir=…" shows where a server's time goes.
    const nodeOptions = ["--import", "tsx", ...(process.env["CHAT_BENCH_NODE"]?.split(" ") ?? [])];
    const pinned = process.platform === "linux" && availableParallelism() > 1;
    const child = fork(file, [join(folder, "benchmark.db")], {
      execArgv: nodeOptions,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      ...(pinned && { execPath: "taskset", execArgv: ["-c", "0", process.execPath, ...nodeOptions] }),
    });
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    return new ServerProcess(port, child, folder);
  }

  async usage(): Promise<ServerUsage> {
    const answer = once(this.child, "message") as Promise<[ServerUsage]>;
    this.child.send("usage" satisfies ServerQuestion);
    return (await answer)[0];
  }

  async stop(): Promise<void> {
    const exit = once(this.child, "exit");
    this.child.send("stop" satisfies ServerQuestion);
    await exit;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
