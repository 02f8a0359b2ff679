import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { ServerMemory, ServerQuestion, ServerUsage } from "./serve.js";

const compiled = new Map<string, Promise<string>>();

/** Compiles a program once. What runs TypeScript as it is loaded would rewrite the SDK's own code, too, and make it slower than it is. */
function compile(program: string): Promise<string> {
  let file = compiled.get(program);
  if (file === undefined) {
    const output = fileURLToPath(
      new URL(`../node_modules/.bench/${program.replace(".ts", ".mjs")}`, import.meta.url),
    );
    file = build({
      entryPoints: [fileURLToPath(new URL(program, import.meta.url))],
      outfile: output,
      bundle: true,
      packages: "external",
      format: "esm",
      platform: "node",
      sourcemap: true,
    }).then(() => output);
    compiled.set(program, file);
  }
  return file;
}

/** A server program in a process of its own, on a processor of its own where the system can pin it. */
export class ServerProcess {
  private constructor(
    readonly port: number,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  /**
   * @param prepare fills the database before the program opens it
   * @param environment what the program is told besides
   */
  static async start(
    program: string,
    prepare?: (file: string) => Promise<void>,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    const folder = mkdtempSync(join(tmpdir(), "chat-benchmark-"));
    const database = join(folder, "benchmark.db");
    await prepare?.(database);
    const file = await compile(program);
    // CHAT_BENCH_NODE="--cpu-prof --cpu-prof-dir=…" shows where a server's time goes.
    const nodeOptions = ["--expose-gc", ...(process.env["CHAT_BENCH_NODE"]?.split(" ") ?? [])];
    const pinned = process.platform === "linux" && availableParallelism() > 1;
    const child = fork(file, [database], {
      env: { ...process.env, ...environment },
      execArgv: nodeOptions,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      ...(pinned && { execPath: "taskset", execArgv: ["-c", "0", process.execPath, ...nodeOptions] }),
    });
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    return new ServerProcess(port, child, folder);
  }

  usage(): Promise<ServerUsage> {
    return this.#ask("usage");
  }

  /** Collects garbage first. */
  memory(): Promise<ServerMemory> {
    return this.#ask("memory");
  }

  async #ask<T>(question: ServerQuestion): Promise<T> {
    const answer = once(this.child, "message") as Promise<[T]>;
    this.child.send(question);
    return (await answer)[0];
  }

  async stop(): Promise<void> {
    const exit = once(this.child, "exit");
    this.child.send("stop" satisfies ServerQuestion);
    await exit;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
