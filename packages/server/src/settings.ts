import { LIMITS } from "@chat/protocol";

/** Every limit and interval of a server, by name. Times are ms, sizes bytes. */
export interface ServerSettings {
  /** Code points of one message's text; up to `LIMITS.textCharactersCeiling`. */
  readonly textCharacters: number;
  /** Members of one conversation. */
  readonly groupMembers: number;
  /** From the socket's opening to a valid hello. */
  readonly helloDeadline: number;
  /** How long the application's `authenticate` may take. */
  readonly authenticateDeadline: number;
  /** Between two pings of a device; a socket that is silent for 2.5 of them is closed. */
  readonly heartbeatInterval: number;
  /** Bytes that may wait for one device before it is closed as too slow. */
  readonly sendQueueBytes: number;
  /** Requests of one socket that may be under way. */
  readonly requestsUnderWay: number;
  /** Messages of one device that may wait in one lane. */
  readonly laneMessages: number;
  /** Between two looks at the change feed, which repair what fan-out lost. */
  readonly reconcileInterval: number;
  /** A server that has not renewed for so long counts as gone. */
  readonly registryLease: number;
  /** Over how long the devices of a closing server are told to spread their reconnects. */
  readonly drainSpread: number;
  /** How long `close()` waits for requests under way. */
  readonly drainDeadline: number;
}

export const DEFAULT_SETTINGS: ServerSettings = {
  textCharacters: LIMITS.textCharacters,
  groupMembers: LIMITS.groupMembers,
  helloDeadline: 10_000,
  authenticateDeadline: 10_000,
  heartbeatInterval: 25_000,
  sendQueueBytes: 8_388_608,
  requestsUnderWay: 512,
  laneMessages: 1_000,
  reconcileInterval: 1_000,
  registryLease: 30_000,
  drainSpread: 2_000,
  drainDeadline: 10_000,
};
