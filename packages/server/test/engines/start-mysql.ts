import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { freePort, programOf } from "./engine-process.js";

/** MySQL's own or MariaDB's: the first in the path that is called so, or MariaDB where that has the one name alone. */
const program = programOf("mysqld", "mariadbd");
const installer = programOf("mariadb-install-db");

/** True if what is started is MariaDB. */
export const isMariaDb =
  program !== undefined && /mariadb/i.test(execFileSync(program, ["--version"], { encoding: "utf8" }));

/** True if a MySQL or MariaDB of one's own can be started. */
export const hasMysql = program !== undefined && (!isMariaDb || installer !== undefined);

/** Neither runs as root. */
const isRoot = process.getuid?.() === 0;

/** What only one of the two knows. */
const OWN_SETTINGS = isMariaDb ? [] : ["--mysqlx=OFF", "--secure-file-priv=NULL"];

/** A MySQL or MariaDB of a test's own, which may be crashed, put back to an earlier state and started again. */
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
    const args = ["--no-defaults", `--datadir=${server.#data}`];
    if (isRoot) {
      const idOf = (option: string): number =>
        Number(execFileSync("id", [option, "mysql"], { encoding: "utf8" }));
      chownSync(server.#folder, idOf("-u"), idOf("-g"));
      args.push("--user=mysql");
    }
    const options = { stdio: "ignore", env: server.#env } as const;
    if (isMariaDb) execFileSync(installer!, [...args, "--auth-root-authentication-method=normal"], options);
    else execFileSync(program!, [...args, ...OWN_SETTINGS, "--initialize-insecure"], options);
    await server.start();
    return server;
  }

  get #data(): string {
    return join(this.#folder, "data");
  }

  /** One that starts clears its folder for temporary tables: in a shared one it takes those of others that run. */
  get #env(): NodeJS.ProcessEnv {
    return { ...process.env, TMPDIR: this.#folder };
  }

  async start(): Promise<void> {
    const args = [
      ...["--no-defaults", `--datadir=${this.#data}`, `--port=${this.#port}`, "--bind-address=127.0.0.1"],
      ...[`--socket=${join(this.#folder, "socket")}`, `--pid-file=${join(this.#folder, "pid")}`],
      ...["--innodb-buffer-pool-size=32M", ...(isRoot ? ["--user=mysql"] : []), ...OWN_SETTINGS],
      ...(isMariaDb ? ["--innodb-log-file-size=16M"] : ["--innodb-redo-log-capacity=16M"]),
      ...this.#settings.map((setting) => `--${setting}`),
    ];
    const child = spawn(program!, args, { stdio: "ignore", env: this.#env });
    this.#child = child;
    while (!(await this.#answers())) {
      if (child.exitCode !== null)
        throw new Error(`${program} did not start: it ended with ${child.exitCode}.`);
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
      const connection = await createConnection({ host: "127.0.0.1", port: this.#port, user: "root" });
      // MySQL's own comes without it.
      await connection.query("CREATE DATABASE IF NOT EXISTS test");
      await connection.end();
      return true;
    } catch {
      return false;
    }
  }
}
