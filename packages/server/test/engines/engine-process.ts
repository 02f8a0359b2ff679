import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** An engine of a test's own, which may be stopped, broken and started again on its port. */
export class EngineProcess {
  readonly port: number;
  readonly folder: string;
  readonly #start: (engine: EngineProcess) => ChildProcess;
  #child: ChildProcess | undefined;

  private constructor(port: number, folder: string, start: (engine: EngineProcess) => ChildProcess) {
    this.port = port;
    this.folder = folder;
    this.#start = start;
  }

  /** @param start starts the program on the engine's port, with its files in the engine's folder */
  static async create(start: (engine: EngineProcess) => ChildProcess): Promise<EngineProcess> {
    const folder = await mkdtemp(join(tmpdir(), "chat-engine-"));
    const engine = new EngineProcess(await freePort(), folder, start);
    await engine.start();
    return engine;
  }

  /** Starts the program, unless it runs. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const child = this.#start(this);
    this.#child = child;
    let problem: string | undefined;
    child.once("error", (error) => (problem = error.message));
    child.once("exit", (code) => (problem ??= `it ended with ${code}`));
    while (!(await answers("127.0.0.1", this.port))) {
      if (problem !== undefined) throw new Error(`${child.spawnfile} did not start: ${problem}.`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** It stands still, with all its connections, until it is killed or may go on. */
  freeze(): void {
    process.kill(-this.#child!.pid!, "SIGSTOP");
  }

  /** It goes on after {@link freeze}. */
  thaw(): void {
    process.kill(-this.#child!.pid!, "SIGCONT");
  }

  /** Ends the program at once, as a crash does; what it held in memory is lost. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // The whole group: some engines are started by a script.
    process.kill(-child.pid!, "SIGKILL");
    await ended;
  }

  /** Takes away what it wrote into a part of its folder. */
  async empty(part: string): Promise<void> {
    await rm(join(this.folder, part), { recursive: true, force: true });
  }

  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Starts a program whose output nobody reads, with its children as one group. */
export function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(command, args, { stdio: "ignore", detached: true, env: { ...process.env, ...env } });
}

/** Where a program is, also where only root has it in the path; undefined if it is not installed. */
export function programOf(...names: string[]): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  for (const name of names) {
    const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** True if something listens there. */
export function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** A port that nobody has: below those that the system gives away, one of which somebody may be given before the engine has started. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
