/** One member of the room, as the load plays it: as little work as possible, so that the server is what is measured. */
export interface Member {
  /** Sends a message; resolves when the server has acknowledged it. */
  send(text: string): Promise<void>;
  /** How many messages it received so far. */
  readonly received: number;
  /** Bytes of WebSocket messages that it received so far. */
  readonly bytes: number;
  /** The last id that it received was the one expected after the one before; false once a message is lost, doubled or out of order. */
  readonly inOrder: boolean;
  close(): void;
}

/** Something to be measured: a server program, and how to talk to it. */
export interface Subject {
  readonly name: string;
  /** File of the server program, beside this one. */
  readonly program: string;
  /** Connects the members of one room. */
  connect(port: number, members: number): Promise<readonly Member[]>;
}
