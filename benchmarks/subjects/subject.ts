import type { ServerSettings } from "@chat/server";
import type { EnginesName } from "./engines.js";

/** One user of a subject, as the load plays it: as little work as possible, so that the server is what is measured. */
export interface Member {
  /** Sends a message; resolves when the server has acknowledged it. */
  send(room: number, text: string): Promise<void>;
  /** Does what keeps the connection alive, where the client has to. */
  beat(): void;
  /** How many messages it received so far. */
  readonly received: number;
  /** Bytes of WebSocket messages that it received so far. */
  readonly bytes: number;
  /** False once a message was lost, doubled or out of order. */
  readonly inOrder: boolean;
  close(): void;
}

/** Who is in which room: the indexes of the members, by room. Everybody's first user founds it. */
export interface Layout {
  readonly users: number;
  readonly rooms: readonly (readonly number[])[];
}

/** The rooms' names, the same for all subjects: UUIDs. */
export interface Rooms {
  readonly ids: readonly string[];
  readonly byId: ReadonlyMap<string, number>;
  /** By the 16 bytes of the UUID, as latin1. */
  readonly byBytes: ReadonlyMap<string, number>;
}

/** Something to be measured: a server program, and how to talk to it. */
export interface Subject {
  readonly name: string;
  /** File of the server program, beside this one. */
  readonly program: string;
  /** What its servers stand on besides the run's own SQLite file. */
  readonly engines?: EnginesName;
  /** How many processes; one by default. */
  readonly servers?: number;
  /** Settings of the SDK's server that differ from those which all other scenarios use. */
  readonly settings?: Partial<ServerSettings>;
  /** True to have SQL statements counted, which takes time on SQLite. */
  readonly counts?: boolean;
  /** Connects the users, by turns to each server, and founds the rooms. */
  connect(ports: readonly number[], layout: Layout): Promise<readonly Member[]>;
}
