import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { freePort, programOf } from "./engine-process.js";

const program = programOf("mariadbd");
const installer = programOf("mariadb-install-db");

/** True if a MariaDB of one's own can be started. */
export const hasMysql = program !== undefined && installer !== undefined;

/** MariaDB refuses to run as root. */
const isRoot = process.getuid?.() === 0;

/** A MariaDB of a test's own, which may be crashed, put back to an earlier state and started again. */
export class MysqlServer {
  readonly url: string;
  readonly #port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "chat-mysql-"));
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, settings: readonly string[]) {
    this.#port = port;
    this.#settings = settings;
    this.url = `mysql://root@127.0.0.1:${port}/test`;
  }

  /** @param settings as `name=value` */
  static async create(settings: readonly string[] = []): Promise<MysqlServer> {
    const server = new MysqlServer(await freePort(), settings);
    const args = ["--no-defaults", `--datadir=${server.#data}`, "--auth-root-authentication-method=normal"];
    if (isRoot) {
      const idOf = (option: string): number =>
        Number(execFileSync("id", [option, "mysql"], { encoding: "utf8" }));
      chownSync(server.#folder, idOf("-u"), idOf("-g"));
      args.push("--user=mysql");
    }
    execFileSync(installer!, args, { stdio: "ignore" });
    await server.start();
    return server;
  }

  get #data(): string {
    return join(this.#folder, "data");
  }

  async start(): Promise<void> {
    const args = [
      ...["--no-defaults", `--datadir=${this.#data}`, `--port=${this.#port}`, "--bind-address=127.0.0.1"],
      ...[`--socket=${join(this.#folder, "socket")}`, `--pid-file=${join(this.#folder, "pid")}`],
      ...["--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M", ...(isRoot ? ["--user=mysql"] : [])],
      ...this.#settings.map((setting) => `--${setting}`),
    ];
    const child = spawn(program!, args, { stdio: "ignore" });
    this.#child = child;
    while (!(await this.#answers())) {
      if (child.exitCode !== null) throw new Error(`MariaDB did not start: it ended with ${child.exitCode}.`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends it at once, as a crash does: what is not in the log is lost, connections are cut. */
  async crash(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  /** Lets it stand still, or go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child!.kill(signal);
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

  async #answers(): Promise<boolean> {
    if (!existsSync(join(this.#folder, "socket"))) return false;
    try {
      const connection = await createConnection(this.url);
      await connection.query("SELECT 1");
      await connection.end();
      return true;
    } catch {
      return false;
    }
  }
}
