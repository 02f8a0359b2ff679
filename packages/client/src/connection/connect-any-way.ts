import type { Cancel, Clock } from "@chat/protocol";
import { connectWebSocket } from "./connect-web-socket.js";
import type { Transport, Socket } from "./socket.js";

/** ms from the beginning of an event stream to the first look whether a WebSocket can be had after all… */
const FIRST_LOOK = 2_000;
/** …and to each later one. */
const LATER_LOOK = 300_000;
/** What a socket says that was lost. */
const LOST = 1006;
/** WebSockets that may fail in a row before plain HTTP is tried, once one has worked here: then the server is away, rather. */
const PATIENCE = 5;
/** ms that an event stream may take to open: a server that has none may leave the request without any answer. */
const OPEN_DEADLINE = 5_000;

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
    const { connectEventStream } = await import("./connect-event-stream.js");
    let cancel: Cancel = () => {};
    let probe: Socket | undefined;

    function look(delay: number): void {
      cancel = clock.schedule(delay, () => {
        look(LATER_LOOK);
        probe?.close();
        void Promise.resolve(open(url, protocols)).then(
          (socket) => {
            probe = socket;
            socket.onerror = () => {};
            socket.onopen = () => {
              failed = 0;
              patience = 1;
              stream.close();
            };
          },
          () => {},
        );
      });
    }

    const stream = connectEventStream(
      url,
      () => {
        cancel();
        plainWorks = true;
        look(FIRST_LOOK);
      },
      () => {
        cancel();
        probe?.close();
      },
    );
    cancel = clock.schedule(OPEN_DEADLINE, () => stream.close(LOST));
    return stream;
  }

  return (url, protocols) => {
    isPlain = failed >= patience && (plainWorks || !isPlain);
    return (isPlain ? plain : webSocket)(url, protocols);
  };
}
