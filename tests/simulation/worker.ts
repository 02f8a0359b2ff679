import { parentPort } from "node:worker_threads";
import { runSeed, type SeedOptions } from "./run-seed.js";

// One seed after the other, as it is told.
parentPort?.on("message", (options: SeedOptions) => {
  void runSeed(options).then((result) => parentPort?.postMessage(result));
});
