import type { Transport, Socket } from "@chat/client";
import { createClientCodec, createServerCodec } from "@chat/protocol";
import WebSocket from "ws";

/** Messages and events that are remembered. */
const EVENTS = 60;

/** What a device sent and received last, to find out why something did not happen. Decoded only when it is read. */
export class FrameTrace {
  readonly #events: { readonly at: number; readonly what: string; readonly bytes?: Uint8Array }[] = [];
  readonly #started = performance.now();

  /** Opens a WebSocket and listens in. */
  readonly transport: Transport = (url, protocols) => {
    const socket = new WebSocket(url, [...protocols]) as Socket & WebSocket;
    this.#note("connects");
    socket.on("open", () => this.#note("opened"));
    socket.on("close", (code) => this.#note(`closed ${code}`));
    // ws hands over an ArrayBuffer, since the client asks for it.
    socket.on("message", (bytes) => this.#note("<", new Uint8Array(bytes as ArrayBuffer)));
    const send = socket.send.bind(socket) as (bytes: Uint8Array) => void;
    socket.send = (bytes: Uint8Array) => {
      this.#note(">", bytes);
      send(bytes);
    };
    return socket;
  };

  toString(): string {
    const codecs = { "<": createClientCodec(), ">": createServerCodec() };
    return this.#events
      .flatMap(({ at, what, bytes }) => {
        const seconds = ((at - this.#started) / 1000).toFixed(2);
        if (bytes === undefined) return `${seconds} ${what}`;
        return codecs[what as "<" | ">"].decode(bytes).map((frame) => `${seconds} ${what} ${brief(frame)}`);
      })
      .join("\n");
  }

  #note(what: string, bytes?: Uint8Array): void {
    this.#events.push({ at: performance.now(), what, ...(bytes !== undefined && { bytes }) });
    if (this.#events.length > EVENTS) this.#events.shift();
  }
}

function brief(frame: object): string {
  const text = JSON.stringify(frame, (key, value: unknown) =>
    ["entries", "rows", "profiles"].includes(key) && Array.isArray(value) ? value.length : value,
  );
  return text.slice(0, 300);
}
