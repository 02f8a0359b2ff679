/** One WebSocket, as a session needs it. The mount makes one of `ws`, a simulation one of its own. */
export interface Socket {
  /** Hands bytes to the network as one binary WebSocket message. Never throws. */
  send(bytes: Uint8Array): void;
  /** Begins the closing handshake. */
  close(code: number, reason: string): void;
  /** Bytes that were sent but have not left this process. */
  readonly bufferedBytes: number;
}

/** What is known of who opened the socket, for `authenticate`. */
export interface Peer {
  /** Lower-case header names, as Node gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The remote address; a proxy's, where there is one. */
  readonly address: string | undefined;
}
