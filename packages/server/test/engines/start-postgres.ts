import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { freePort } from "./engine-process.js";

/** Debian keeps the server's programs by version. */
const VERSIONS = "/usr/lib/postgresql";
const version = existsSync(VERSIONS)
  ? readdirSync(VERSIONS)
      .sort((left, right) => Number(right) - Number(left))
      .find((name) => existsSync(join(VERSIONS, name, "bin/postgres")))
  : undefined;

/** True if a PostgreSQL of one's own can be started. */
export const hasPostgres = version !== undefined;

/** PostgreSQL refuses to run as root. */
function ownerOfServers(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (option: string): number =>
    Number(execFileSync("id", [option, "postgres"], { encoding: "utf8" }));
  return { uid: idOf("-u"), gid: idOf("-g") };
}

/** A PostgreSQL of a test's own, which may be stopped, crashed, put back to an earlier state and started again. */
export class PostgresServer {
  readonly url: string;
  readonly #port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "chat-postgres-"));
  readonly #settings: readonly string[];
  readonly #owner = ownerOfServers();
  #child: ChildProcess | undefined;

  private constructor(port: number, settings: readonly string[]) {
    this.#port = port;
    this.#settings = settings;
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  }

  /** @param settings as `name=value` */
  static async create(settings: readonly string[] = []): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort(), settings);
    const owner = server.#owner;
    if (owner.uid !== undefined) chownSync(server.#folder, owner.uid, owner.gid!);
    const args = ["-D", server.#data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"];
    execFileSync(program("initdb"), args, { ...owner, cwd: server.#folder, stdio: "ignore" });
    await server.start();
    return server;
  }

  get #data(): string {
    return join(this.#folder, "data");
  }

  async start(): Promise<void> {
    const place = ["-D", this.#data, "-p", String(this.#port), "-h", "127.0.0.1", "-k", this.#folder];
    const settings = this.#settings.flatMap((setting) => ["-c", setting]);
    const options = { ...this.#owner, cwd: this.#folder, stdio: "ignore" } as const;
    const child = spawn(program("postgres"), [...place, ...settings], options);
    this.#child = child;
    while (!(await this.#answers())) {
      if (child.exitCode !== null)
        throw new Error(`PostgreSQL did not start: it ended with ${child.exitCode}.`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends all of its processes at once, as a crash does: what is not in the log is lost, connections are cut. */
  crash(): Promise<void> {
    return this.#end("SIGQUIT");
  }

  async dispose(): Promise<void> {
    await this.crash();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Keeps the present state. The server must not run. */
  keep(): void {
    execFileSync("cp", ["-a", this.#data, `${this.#data}.kept`]);
  }

  /** Puts the kept state in place of the present one: what a restored backup or a failover does. The server must not run. */
  goBack(): void {
    rmSync(this.#data, { recursive: true });
    execFileSync("mv", [`${this.#data}.kept`, this.#data]);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  async #answers(): Promise<boolean> {
    const client = new Client({ connectionString: this.url });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.query("SELECT 1");
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => {});
    }
  }
}

function program(name: string): string {
  return join(VERSIONS, version!, "bin", name);
}
