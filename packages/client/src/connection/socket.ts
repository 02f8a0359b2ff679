/** The part of the WebSocket interface that the client uses. Handlers are set once, right after it was opened. */
export interface Socket {
  /** Set to `arraybuffer`: messages then come as ArrayBuffer. */
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  /** The end, whatever led to it; comes once. */
  onclose: ((event: { readonly code: number }) => void) | null;
  onerror: (() => void) | null;
  /** Called between `onopen` and `onclose` only. */
  send(bytes: Uint8Array): void;
  close(code?: number, reason?: string): void;
}

/** Opens a socket. A rejection or exception counts as a connection that failed. */
export type Connect = (url: string, protocols: readonly string[]) => Socket | Promise<Socket>;
