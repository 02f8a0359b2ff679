import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { root } from "../bundle/bundle-sources.js";
import { within } from "../replay/wait-until.js";
import type { FromServer, ServerConfig, ToServer } from "./server-messages.js";

/** Starts and stops take a moment on a machine under load; one that takes longer hangs. */
const PATIENCE_MS = 60_000;

/** What a server's process tells of. */
export interface ServerEvents {
  log(level: "warn" | "error", event: string, fields: string): void;
  envelope(to: string, bytes: Uint8Array): void;
  memory(resident: number, connections: number): void;
  /** It ended although nobody ended it. */
  died(reason: string): void;
}

/** A chat server in a process of its own. It dies with this process. */
export class ServerProcess {
  readonly #bundle: string;
  readonly #config: ServerConfig;
  readonly #events: ServerEvents;
  #process: ChildProcess | undefined;
  #port: number | undefined;
  #isStill = false;

  constructor(bundle: string, config: ServerConfig, events: ServerEvents) {
    this.#bundle = bundle;
    this.#config = config;
    this.#events = events;
  }

  get serverId(): string {
    return this.#config.serverId;
  }

  /** Undefined while it does not listen. */
  get port(): number | undefined {
    return this.#port;
  }

  /** Resolves once it listens; at once if it was killed meanwhile. @throws Error if it does not start */
  async start(watches = this.#config.watches): Promise<void> {
    if (this.#process !== undefined) return;
    const server = fork(this.#bundle, [JSON.stringify({ ...this.#config, watches })], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      serialization: "advanced",
    });
    this.#process = server;
    const listening = new Promise<number | undefined>((resolve) => {
      server.on("message", (message: FromServer) => {
        if (this.#process !== server) return;
        if (message.type === "listening") resolve(message.port);
        else if (message.type === "log") this.#events.log(message.level, message.event, message.fields);
        else if (message.type === "envelope") this.#events.envelope(message.to, message.bytes);
        else this.#events.memory(message.resident, message.connections);
      });
      server.once("exit", (code, signal) => {
        resolve(undefined);
        if (this.#process !== server) return;
        this.#process = this.#port = undefined;
        this.#events.died(`${this.serverId} ended by itself (${signal ?? `exit code ${code}`}).`);
      });
    });
    const port = await within(listening, PATIENCE_MS, () => `${this.serverId} listens`);
    if (this.#process === server) this.#port = port;
  }

  /** SIGKILL: nothing is flushed, nobody is told. @returns false if there was nothing to kill */
  async kill(): Promise<boolean> {
    const server = this.#forget();
    if (server === undefined) return false;
    const exited = once(server, "exit");
    server.kill("SIGKILL");
    await exited;
    return true;
  }

  /** SIGSTOP: it stands still between two instructions; its sockets stay open. @returns false if there is none */
  standStill(): boolean {
    if (this.#port === undefined || this.#isStill) return false;
    this.#isStill = true;
    return this.#process?.kill("SIGSTOP") ?? false;
  }

  /** SIGCONT. */
  goOn(): void {
    if (this.#isStill) this.#process?.kill("SIGCONT");
    this.#isStill = false;
  }

  send(message: ToServer): void {
    const server = this.#process;
    // One that was just killed hears nothing any more, and that is no failure.
    if (server?.connected) server.send(message, () => {});
  }

  /** Ends gracefully. @throws Error if it does not within a minute, or fails */
  async stop(): Promise<void> {
    this.goOn();
    const server = this.#process;
    if (server === undefined) return;
    const exited = once(server, "exit") as Promise<[number | null, string | null]>;
    this.send({ type: "stop" });
    this.#forget();
    const timer = setTimeout(() => server.kill("SIGKILL"), PATIENCE_MS);
    const [code, signal] = await exited;
    clearTimeout(timer);
    if (code !== 0)
      throw new Error(`${this.serverId} did not stop cleanly (${signal ?? `exit code ${code}`}).`);
  }

  /** The process id; undefined while there is none. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  #forget(): ChildProcess | undefined {
    const server = this.#process;
    this.#process = this.#port = undefined;
    this.#isStill = false;
    return server;
  }
}
