/**
 * The part of the WebSocket interface that the client uses. Messages arrive whole, in order, and before `onclose`; nothing comes
 * after it. Handlers are set in the same turn in which the transport returned the socket, or resolved with it, and never before; until then
 * the socket is silent.
 */
export interface Socket {
  /** Set to `arraybuffer`: messages then come as ArrayBuffer. */
  binaryType: string;
  /** The server accepted one of the protocols. Messages may be sent from now on. */
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  /**
   * The end, whatever led to it, also where it never opened; comes once. `code` as WebSocket has it (RFC 6455 §7.4), the server's where it
   * gave one, 1006 where the line broke.
   */
  onclose: ((event: { readonly code: number }) => void) | null;
  /** Something went wrong; `onclose` follows. */
  onerror: (() => void) | null;
  /** Sends one message. Called between `onopen` and `onclose` only; the bytes are not changed afterwards. */
  send(bytes: Uint8Array): void;
  /** Ends it, also before it is open. Harmless when repeated. */
  close(code?: number): void;
}

/**
 * Opens a socket to the server: `(url, protocols) => new WebSocket(url, protocols)` is one. A rejection or exception counts as a connection
 * that failed; the client tries again. `transportSuite` of `@chat/client/testing` proves one of your own.
 * @param url absolute, ws or wss
 * @param protocols to offer to the server
 */
export type Transport = (url: string, protocols: readonly string[]) => Socket | Promise<Socket>;
