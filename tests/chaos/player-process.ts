import { type ChildProcess, fork } from "node:child_process";
import { root } from "../bundle/bundle-sources.js";
import type { FromPlayer, PlayerRequests, ToPlayer } from "./player-messages.js";

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** Devices in a process of their own. It dies with this process. */
export class PlayerProcess {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #number = 0;
  #over = false;
  /** So far. */
  progress = { acknowledged: 0, cuts: 0 };

  constructor(bundle: string) {
    this.#process = fork(bundle, { cwd: root, stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#process.on("message", (message: FromPlayer) => {
      if (message.type === "progress") {
        this.progress = message;
        return;
      }
      const waiting = this.#waiting.get(message.number);
      this.#waiting.delete(message.number);
      if (message.type === "answer") waiting?.resolve(message.answer);
      else waiting?.reject(new Error(message.reason));
    });
    this.#process.once("exit", (code, signal) => {
      const error = new Error(`A player ended by itself (${signal ?? `exit code ${code}`}).`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
      if (!this.#over) process.exitCode = 1;
    });
  }

  /** @throws Error what the player could not do */
  ask<K extends keyof PlayerRequests>(
    type: K,
    ask: PlayerRequests[K]["ask"],
  ): Promise<PlayerRequests[K]["answer"]> {
    const number = ++this.#number;
    return new Promise<PlayerRequests[K]["answer"]>((resolve, reject) => {
      this.#waiting.set(number, {
        resolve: (answer) => resolve(answer as PlayerRequests[K]["answer"]),
        reject,
      });
      this.#send({ ...ask, type, number } as unknown as ToPlayer);
    });
  }

  /** @param isNews one of them was away */
  servers(ports: readonly number[], isNews: boolean): void {
    this.#send({ type: "servers", ports, isNews });
  }

  end(): void {
    this.#over = true;
    this.#process.kill("SIGKILL");
  }

  #send(message: ToPlayer): void {
    if (this.#process.connected) this.#process.send(message, () => {});
  }
}
