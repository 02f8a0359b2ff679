// A process with devices, behind a proxy of its own. Started by player-process.ts.
import { inspect } from "node:util";
import { CuttingProxy } from "../replay/cutting-proxy.js";
import { Player } from "./player.js";
import type { FromPlayer, ToPlayer } from "./player-messages.js";

let ports: readonly number[] = [];
const proxy = new CuttingProxy(() => ports[Math.floor(Math.random() * ports.length)]);
const url = `ws://127.0.0.1:${await proxy.listen()}/chat`;
const player = new Player(proxy, url);

function tell(message: FromPlayer): void {
  if (process.connected) process.send!(message);
}

process.on("message", (message: ToPlayer) => {
  if (message.type === "servers") {
    ({ ports } = message);
    if (message.isNews) player.serverIsBack();
    return;
  }
  const { number } = message;
  player.perform(message).then(
    (answer) => tell({ type: "answer", number, answer }),
    (error: unknown) =>
      tell({
        type: "failed",
        number,
        reason: inspect(error),
      }),
  );
});
setInterval(() => tell({ type: "progress", ...player.progress }), 100).unref();
// The parent is gone, or wants an end.
process.on("disconnect", () => process.exit());
process.on("SIGINT", () => {});
