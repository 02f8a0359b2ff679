// A process that plays logs, several side by side, through a proxy of its own. Started by player.ts.
import { CuttingProxy } from "./cutting-proxy.js";
import type { FromPlayer, ToPlayer } from "./player.js";
import { replayLog } from "./replay-log.js";

let serverPort: number | undefined;
const proxy = new CuttingProxy(() => serverPort);
const url = `ws://127.0.0.1:${await proxy.listen()}/chat`;

function tell(message: FromPlayer): void {
  process.send?.(message);
}

process.on("message", (message: ToPlayer) => {
  if (message.type === "server") {
    serverPort = message.port;
    return;
  }
  void replayLog({
    ...message,
    url,
    proxy,
    onStep: () => tell({ type: "step" }),
    onCut: () => tell({ type: "cut" }),
    onDevice: (change) => tell({ type: "device", change }),
  }).then((report) => tell({ type: "report", report }));
});
// The parent is gone, or wants an end.
process.on("disconnect", () => process.exit());
process.on("SIGINT", () => {});
