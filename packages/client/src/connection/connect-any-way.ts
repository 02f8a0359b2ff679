import type { Clock } from "@chat/protocol";
import { connectWebSocket } from "./connect-web-socket.js";
import type { Transport, Socket } from "./socket.js";

/** WebSockets that may fail in a row before plain HTTP is tried, once one has worked here: then the server is away, rather. */
const PATIENCE = 5;
/**
 * Opens a WebSocket; where none gets through, plain HTTP and WebSockets take turns, and what worked last comes first. A
 * connection over plain HTTP ends as soon as a WebSocket can be had, so that the next one is that.
 */
export function connectAnyWay(clock: Clock, open: Transport = connectWebSocket): Transport {
  let failed = 0;
  let patience = 1;
  let isPlain = false;
  let plainWorks = false;

  async function webSocket(url: string, protocols: readonly string[]): Promise<Socket> {
    failed++;
    const socket = (await open(url, protocols)) as Socket & Pick<WebSocket, "addEventListener">;
    // A proxy may let it open and nothing through.
    const works = (): void => {
      failed = 0;
      patience = PATIENCE;
    };
    socket.addEventListener("message", works, { once: true });
    return socket;
  }

  async function plain(url: string, protocols: readonly string[]): Promise<Socket> {
    plainWorks = false;
    // Loaded where it is needed only.
    const { connectPlainly } = await import("./connect-plainly.js");
    return connectPlainly({
      clock,
      url,
      open: () => open(url, protocols),
      opened() {
        plainWorks = true;
      },
      webSocketOpened() {
        failed = 0;
        patience = 1;
      },
    });
  }

  return (url, protocols) => {
    isPlain = failed >= patience && (plainWorks || !isPlain);
    return (isPlain ? plain : webSocket)(url, protocols);
  };
}
