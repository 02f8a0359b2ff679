import type { Cancel, Clock } from "@chat/protocol";
import { connectEventStream } from "./connect-event-stream.js";
import type { Socket } from "./socket.js";

/** ms from the beginning of an event stream to the first look whether a WebSocket can be had after all… */
const FIRST_LOOK = 2_000;
/** …and to each later one. */
const LATER_LOOK = 300_000;
/** What a socket says that was lost. */
const LOST = 1006;
/** ms that an event stream may take to open: a server that has none may leave the request without any answer. */
const OPEN_DEADLINE = 5_000;

/** What a connection over plain HTTP needs of its surroundings. */
export interface PlainConnection {
  readonly clock: Clock;
  readonly url: string;
  /** Tries a WebSocket. */
  open(): Socket | Promise<Socket>;
  /** The server has opened the stream. */
  opened(): void;
  /** A WebSocket can be had after all; the stream ends. */
  webSocketOpened(): void;
}

/** Connects over plain HTTP, for as long as no WebSocket can be had. */
export function connectPlainly({ clock, url, open, opened, webSocketOpened }: PlainConnection): Socket {
  let probe: Socket | undefined;

  function look(delay: number): void {
    cancel = clock.schedule(delay, () => {
      look(LATER_LOOK);
      probe?.close();
      void Promise.resolve()
        .then(open)
        .then(
          (socket) => {
            probe = socket;
            socket.onerror = () => {};
            socket.onopen = () => {
              webSocketOpened();
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
      opened();
      look(FIRST_LOOK);
    },
    () => {
      cancel();
      probe?.close();
    },
  );
  let cancel: Cancel = clock.schedule(OPEN_DEADLINE, () => stream.close(LOST));
  return stream;
}
