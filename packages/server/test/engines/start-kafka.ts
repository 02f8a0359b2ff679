import { spawn, type ChildProcess } from "node:child_process";
import { programOf } from "./engine-process.js";

const program = programOf("kcat", "kafkacat");

/** True if a Kafka of one's own can be started. */
export const hasKafka = program !== undefined;

/** librdkafka's mock cluster: three brokers in one process, on ports of its own choice, with everything in memory. */
export class MockKafka {
  #child: ChildProcess | undefined;
  #brokers: string[] = [];

  /** Where its brokers are, or were. */
  get brokers(): string[] {
    return this.#brokers;
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const args = ["-C", "-t", "unused", "-b", "ignored:1", "-X", "test.mock.num.brokers=3"];
    const child = spawn(program!, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    this.#brokers = await new Promise((resolve, reject) => {
      let printed = "";
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`${program} ended with ${code}: ${printed}`)));
      child.stderr.on("data", (bytes: Buffer) => {
        printed += bytes.toString();
        const brokers = /replaced with ([\d.:,]+)\s/.exec(printed)?.[1];
        if (brokers !== undefined) resolve(brokers.split(","));
      });
    });
  }

  /** Ends it at once; all that it held is lost. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
}
