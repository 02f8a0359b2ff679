import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { forkTypeScript } from "./fork-typescript.js";
import { within } from "./wait-until.js";

/** What the server's process tells. */
export type ServerMessage =
  | { readonly type: "listening"; readonly port: number }
  | {
      readonly type: "log";
      readonly level: "warn" | "error";
      readonly event: string;
      readonly fields: string;
    };

/** Starts and stops take a moment on a machine under load; one that takes longer hangs. */
const PATIENCE_MS = 60_000;

/** A chat server in a process of its own, on one SQLite file. It dies with this process. */
export class ServerProcess {
  readonly #file: string;
  readonly #onLog: (line: string, level: "warn" | "error") => void;
  readonly #onDeath: (reason: string) => void;
  #process: ChildProcess | undefined;
  #port: number | undefined;
  #over = false;

  /** @param onDeath the server ended although nobody killed it */
  constructor(
    file: string,
    onLog: (line: string, level: "warn" | "error") => void,
    onDeath: (reason: string) => void,
  ) {
    this.#file = file;
    this.#onLog = onLog;
    this.#onDeath = onDeath;
  }

  /** Undefined while there is no server. */
  get port(): number | undefined {
    return this.#port;
  }

  async start(): Promise<void> {
    if (this.#over) throw new Error("The replay is over.");
    const server = forkTypeScript(new URL("./server-child.ts", import.meta.url), [this.#file]);
    this.#process = server;
    const listening = new Promise<number>((resolve, reject) => {
      server.on("message", (message: ServerMessage) => {
        if (message.type === "log") this.#onLog(`${message.event} ${message.fields}`, message.level);
        else resolve(message.port);
      });
      server.once("exit", (code, signal) => {
        const reason = `The server ended by itself (${signal ?? `exit code ${code}`}).`;
        reject(new Error(reason));
        if (this.#process !== server) return;
        this.#process = this.#port = undefined;
        this.#onDeath(reason);
      });
    });
    const port = await within(listening, PATIENCE_MS, () => "the server listens");
    if (this.#process === server) this.#port = port;
  }

  /** SIGKILL: nothing is flushed, nobody is told. */
  async kill(): Promise<void> {
    const server = this.#forget();
    if (server === undefined) return;
    const exited = once(server, "exit");
    server.kill("SIGKILL");
    await exited;
  }

  /** Kills without waiting, for good: all is over. */
  killNow(): void {
    this.#over = true;
    this.#forget()?.kill("SIGKILL");
  }

  /** Ends gracefully. @throws Error if it does not within a minute, or fails */
  async stop(): Promise<void> {
    const server = this.#forget();
    if (server === undefined) return;
    const exited = once(server, "exit") as Promise<[number | null, string | null]>;
    server.send("stop");
    const timer = setTimeout(() => server.kill("SIGKILL"), PATIENCE_MS);
    const [code, signal] = await exited;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`The server did not stop cleanly (${signal ?? `exit code ${code}`}).`);
  }

  #forget(): ChildProcess | undefined {
    const server = this.#process;
    this.#process = this.#port = undefined;
    return server;
  }
}
