import { join } from "node:path";
import { inProcessFanout, inProcessRegistry } from "../src/index.js";
import { openServer, temporaryFolder } from "./open-server.js";
import { VirtualClock } from "./virtual-clock.js";

/** Two servers on one file, in one virtual time. */
export async function openTwo() {
  const clock = new VirtualClock();
  const [fanout, registry] = [inProcessFanout(), inProcessRegistry(clock.runtime.clock)];
  const file = join(temporaryFolder(), "chat.db");
  const open = (serverId: string) => openServer({ fanout, registry, serverId, runtime: clock.runtime }, file);
  return { clock, one: await open("one"), two: await open("two") };
}
