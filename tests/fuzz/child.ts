import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { forkTypeScript } from "../replay/fork-typescript.js";
import { within } from "../replay/wait-until.js";
import type { ChildOrder, ChildReport } from "./child-report.js";

/** ms: longer than any caller waits for what it has a process do. */
const PATIENCE_MS = 90_000;

/** A process under test, as the fuzzer sees it. */
export class Child {
  readonly #name: string;
  readonly #process: ChildProcess;
  #ending = false;
  #orders = 0;

  /** @param finding is told of every defect that the process reports, and of its death */
  constructor(name: string, file: URL, args: readonly string[], finding: (sentence: string) => void) {
    this.#name = name;
    this.#process = forkTypeScript(file, args, ["--expose-gc"]);
    this.#process.on("message", (message: ChildReport) => {
      if (message.type === "defect") finding(`${name}: ${message.line}`);
    });
    this.#process.setMaxListeners(0);
    this.#process.on("exit", (code, signal) => {
      if (!this.#ending) finding(`the ${name} went down (${signal ?? `exit code ${code}`})`);
    });
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves with the ports on which it listens. */
  async started(): Promise<readonly number[]> {
    return (await this.#next("listening")).ports;
  }

  /** Bytes after a collection. */
  async memory(): Promise<{ readonly heapBytes: number; readonly residentBytes: number }> {
    this.#send({ type: "measure" });
    return this.#next("memory");
  }

  /** Has it do something. @returns what came of it */
  async do(what: string, argument?: unknown): Promise<unknown> {
    const id = ++this.#orders;
    this.#send({ type: "do", id, what, argument });
    return (await this.#next("answer", (answer) => answer.id === id)).value;
  }

  async end(): Promise<void> {
    this.#ending = true;
    if (!this.isAlive) return;
    const exited = once(this.#process, "exit");
    this.#send({ type: "end" });
    await within(exited, PATIENCE_MS, () => `the ${this.#name} ends`).catch((error: unknown) => {
      this.#process.kill("SIGKILL");
      throw error;
    });
  }

  kill(): void {
    this.#ending = true;
    this.#process.kill("SIGKILL");
  }

  #send(order: ChildOrder): void {
    if (this.isAlive) this.#process.send(order);
  }

  #next<T extends ChildReport["type"]>(
    type: T,
    fits: (report: Extract<ChildReport, { type: T }>) => boolean = () => true,
  ): Promise<Extract<ChildReport, { type: T }>> {
    const answer = new Promise<Extract<ChildReport, { type: T }>>((resolve, reject) => {
      const over = (): void => {
        this.#process.off("message", listen);
        this.#process.off("exit", gone);
      };
      const listen = (message: ChildReport): void => {
        const told = message as Extract<ChildReport, { type: T }>;
        if (message.type !== type || !fits(told)) return;
        over();
        resolve(told);
      };
      const gone = (): void => {
        over();
        reject(new Error(`the ${this.#name} went down`));
      };
      this.#process.on("message", listen);
      this.#process.once("exit", gone);
    });
    return within(answer, PATIENCE_MS, () => `the ${this.#name} tells ${type}`);
  }
}
