import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../examples/quickstart/", import.meta.url));
const START_DEADLINE_MS = 30_000;

/** A server in a process of its own, with data of its own: what `npm start` runs, or another program that says alike where it listens. */
export class ServerProcess {
  readonly #program: () => Promise<string>;
  readonly #data = mkdtempSync(join(tmpdir(), "chat-e2e-"));
  #process: ChildProcess | undefined;
  #port = 0;
  #output = "";
  #complaints = "";
  #wasKilled = false;

  /** @param program gives the path of what is run; by default the quickstart's */
  constructor(program: () => Promise<string> = builtQuickstart) {
    this.#program = program;
  }

  /** The same from the first start on. */
  get port(): number {
    return this.#port;
  }

  /** All that it printed. */
  get output(): string {
    return this.#output;
  }

  /** What it printed as an error. */
  get complaints(): string {
    return this.#complaints;
  }

  get wasKilled(): boolean {
    return this.#wasKilled;
  }

  /** Resolves when it listens. After a kill: on the same port and data. */
  async start(): Promise<void> {
    const server = spawn(process.execPath, [await this.#program()], {
      cwd: folder,
      env: { ...process.env, PORT: String(this.#port), HOST: "127.0.0.1", CHAT_DATA: this.#data },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = server;
    // It does not outlive the tests, however they end.
    const endWithUs = (): void => void server.kill("SIGKILL");
    process.once("exit", endWithUs);
    server.once("exit", () => process.off("exit", endWithUs));
    server.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#output += text;
      this.#complaints += text;
    });
    this.#port = await new Promise<number>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`The server ${why}:\n${this.#output}`));
      const deadline = setTimeout(() => fail("does not listen"), START_DEADLINE_MS);
      server.once("exit", (code, signal) => fail(`ended (${signal ?? code})`));
      let text = "";
      server.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        this.#output += chunk;
        text += chunk;
        const port = /The chat is at http:\/\/127\.0\.0\.1:(\d+)\s/.exec(text)?.[1];
        if (port === undefined) return;
        clearTimeout(deadline);
        resolve(Number(port));
      });
    });
  }

  /** SIGKILL: nothing is flushed, nobody is told. */
  async kill(): Promise<void> {
    this.#wasKilled = true;
    await this.#end("SIGKILL");
  }

  /** Ends for good, and leaves nothing behind. */
  async dispose(): Promise<void> {
    await this.#end("SIGKILL");
    rmSync(this.#data, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#process;
    this.#process = undefined;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, "exit");
    server.kill(signal);
    await exited;
  }
}

async function builtQuickstart(): Promise<string> {
  const program = join(folder, "dist/server.js");
  if (!existsSync(program)) {
    throw new Error("The quickstart is not built. `npm test` does so, as does `npm run build`.");
  }
  return program;
}
