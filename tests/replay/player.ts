import type { ChildProcess } from "node:child_process";
import type { ExpectedNames } from "./expected-names.js";
import { forkTypeScript } from "./fork-typescript.js";
import type { LogReport } from "./log-report.js";
import type { LogScript } from "./log-script.js";

/** How a log is played. */
export interface PlayerSettings {
  readonly seed: number;
  /** Cuts per step. */
  readonly cutRate: number;
  /** ms after which something that does not happen is a failure. */
  readonly deadline: number;
  /** Devices remember their last frames, for the sentences on what did not happen. */
  readonly traces: boolean;
  readonly names: ExpectedNames;
}

/** A log to be played, and how. */
export interface PlayRequest extends PlayerSettings {
  readonly script: LogScript;
  /** Lines of the file. */
  readonly lines: number;
}

/** What a player is told. A server without a port is gone. */
export type ToPlayer =
  { readonly type: "server"; readonly port?: number } | ({ readonly type: "play" } & PlayRequest);

/** What a player tells. */
export type FromPlayer =
  | { readonly type: "step" | "cut" }
  | { readonly type: "device"; readonly change: 1 | -1 }
  | { readonly type: "report"; readonly report: LogReport };

/** What happens while logs are played. */
export interface PlayerEvents {
  /** A step is under way. */
  onStep(): void;
  onCut(): void;
  onDevice(change: 1 | -1): void;
  onFailure(error: unknown): void;
}

/** A process with clients: one alone could not make use of more than one core. */
export class Player {
  readonly #process: ChildProcess;
  /** By the name of the log. */
  readonly #waiting = new Map<string, (report: LogReport) => void>();
  #ended = false;

  constructor(events: PlayerEvents) {
    this.#process = forkTypeScript(new URL("./player-child.ts", import.meta.url));
    this.#process.on("message", (message: FromPlayer) => {
      switch (message.type) {
        case "step":
          return events.onStep();
        case "cut":
          return events.onCut();
        case "device":
          return events.onDevice(message.change);
        case "report":
          return this.#waiting.get(message.report.name)?.(message.report);
      }
    });
    this.#process.once("exit", (code, signal) => {
      if (!this.#ended)
        events.onFailure(new Error(`A player ended by itself (${signal ?? `exit code ${code}`}).`));
    });
  }

  /** Tells where the server is, or that there is none. */
  server(port: number | undefined): void {
    this.#tell({ type: "server", ...(port !== undefined && { port }) });
  }

  play(request: PlayRequest): Promise<LogReport> {
    const reported = new Promise<LogReport>((resolve) => this.#waiting.set(request.script.name, resolve));
    this.#tell({ type: "play", ...request });
    return reported;
  }

  /** Ends the process with everything in it, at once. */
  end(): void {
    this.#ended = true;
    this.#process.kill("SIGKILL");
  }

  #tell(message: ToPlayer): void {
    if (this.#process.connected) this.#process.send(message);
  }
}
