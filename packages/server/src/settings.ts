import { ChatError, LIMITS } from "@chat/protocol";
import { assertKnown } from "./assert-known.js";
import type { ChatServerOptions } from "./chat-server-options.js";

/** Every limit and interval of a server, by name. Times are ms, sizes bytes. */
export interface ServerSettings {
  /** Code points of one message's text; up to `LIMITS.textCharactersCeiling`. */
  readonly textCharacters: number;
  /** Members of one conversation. */
  readonly groupMembers: number;
  /** Up to so many members of a conversation are told how far each other has come; up to `LIMITS.receiptsPerRow`. */
  readonly receiptMembers: number;
  /** In conversations of more members nobody is told who is writing. */
  readonly typingMembers: number;
  /**
   * A conversation of which more members than these are connected to this server is a large group (until they are 80 % of it), whose devices are told only that
   * there is news, and fetch it, while more than `largeGroupRate` messages a second are written there.
   */
  readonly largeGroupOnline: number;
  readonly largeGroupRate: number;
  /** Between two pieces of news to the devices of a large group. */
  readonly largeGroupInterval: number;
  /** Devices of one user that may be subscribed to pushes. */
  readonly pushDevices: number;
  /** How long a device of a user has to take a message before the others are told of it by push. */
  readonly pushDelay: number;
  /** After how long nobody is told of a message by push any more, also for how long a push service keeps it for a device that is away. */
  readonly pushMaxAge: number;
  /** From the socket's opening to a valid hello. */
  readonly helloDeadline: number;
  /** How long the application's `authenticate` may take. */
  readonly authenticateDeadline: number;
  /** Before a token's expiry, when a device is first asked for a new one; of one that lives less than twice as long, at half of its life. */
  readonly tokenRefreshLead: number;
  /** How long the application's `authorize` or `beforeSend` may take over one operation. */
  readonly hookDeadline: number;
  /** Between two pings of a device; a socket that is silent for 2.5 of them is closed. */
  readonly heartbeatInterval: number;
  /** After so much time without a sign of life of any device a user counts as offline; a server without one, as dead. */
  readonly offlineAfter: number;
  /** Between two signs of life by which servers know each other's users to be there. */
  readonly presenceHeartbeat: number;
  /** Bytes that may wait for one device before it is closed as too slow. */
  readonly sendQueueBytes: number;
  /** Requests of one socket that may be under way. */
  readonly requestsUnderWay: number;
  /** Messages of one device that may wait in one lane; four times as many in all of them together. */
  readonly laneMessages: number;
  /** Between two looks at the change feed, which repair what fan-out lost. */
  readonly reconcileInterval: number;
  /** A server that has not renewed for so long counts as gone. */
  readonly registryLease: number;
  /** Between two announcements of this server in `discovery`; one that has not announced itself for five of them counts as gone. */
  readonly announceInterval: number;
  /** Connections of this server. */
  readonly connections: number;
  /** Connections of one user to this server. */
  readonly connectionsPerUser: number;
  /** Connections of one address that have not yet been welcomed. */
  readonly unidentifiedPerAddress: number;
  /** Frames of one connection at once, and per second for good; beyond it the connection is closed. */
  readonly frameBurst: number;
  readonly frameRate: number;
  /** Bytes of one connection at once, and per second for good; beyond it the connection is closed. */
  readonly byteBurst: number;
  readonly byteRate: number;
  /** Messages that one user may send to this server at once, and per second for good; beyond it they are `rate_limited`. */
  readonly sendBurst: number;
  readonly sendRate: number;
  /** The same for reading: ranges of history, single conversations, profiles. */
  readonly readBurst: number;
  readonly readRate: number;
  /** The same for pages of conversations, changes and members. */
  readonly listBurst: number;
  readonly listRate: number;
  /** The same for creating conversations, and changing members and profiles. */
  readonly writeBurst: number;
  readonly writeRate: number;
  /** How much of the four rates above one connection may use, 0 to 1. */
  readonly connectionShare: number;
  /** After how many ms an entry leaves the store; 0: never. A conversation may have its own, see `setRetention`. */
  readonly retentionAge: number;
  /** How many of the newest entries of a conversation are kept; 0: all. */
  readonly retentionCount: number;
  /** Between two rounds that take out what is no longer kept. */
  readonly retentionInterval: number;
  /** Between two reports to `metrics`. */
  readonly metricsInterval: number;
  /** Over how long the devices of a closing server are told to spread their reconnects. */
  readonly drainSpread: number;
  /** How long `close()` waits for requests under way. */
  readonly drainDeadline: number;
}

export const DEFAULT_SETTINGS: ServerSettings = {
  textCharacters: LIMITS.textCharacters,
  groupMembers: LIMITS.groupMembers,
  receiptMembers: LIMITS.receiptMembers,
  typingMembers: 100,
  largeGroupOnline: 500,
  // Faster than anybody reads. Below it each message is pushed to everybody, which in a room of 10,000 took a server 30 to 90 ms, as busy as the
  // machine was.
  largeGroupRate: 10,
  largeGroupInterval: 1_000,
  pushDevices: 50,
  // A connected device has said so after some 300 ms; one on a poor line is given a chance.
  pushDelay: 5_000,
  pushMaxAge: 86_400_000,
  helloDeadline: 10_000,
  authenticateDeadline: 10_000,
  tokenRefreshLead: 60_000,
  hookDeadline: 5_000,
  // Three fit into offlineAfter, so that a line which went dead is told in time though two were lost.
  heartbeatInterval: 10_000,
  offlineAfter: 30_000,
  presenceHeartbeat: 5_000,
  sendQueueBytes: 8_388_608,
  requestsUnderWay: 512,
  laneMessages: 1_000,
  reconcileInterval: 1_000,
  registryLease: 30_000,
  announceInterval: 2_000,
  // Below the 65,536 file descriptors that a service is commonly given: a flood ends here, with an answer, and not there.
  connections: 50_000,
  // Every tab and device of a person and then some; a runaway script that reconnects without closing is stopped.
  connectionsPerUser: 100,
  // A hello takes two round trips, so that 64 slots pass hundreds of devices a second out of one office.
  unidentifiedPerAddress: 64,
  // Three times the requests that the rates below let through, pings and refused ones included.
  frameBurst: 10_000,
  frameRate: 1_000,
  // Thirty of the largest messages at once, four a second; a person types less than 100 bytes a second.
  byteBurst: 33_554_432,
  byteRate: 4_194_304,
  // A day's outbox at once; afterwards, thirty times what the fastest human being types.
  sendBurst: 1_000,
  sendRate: 200,
  // A first sync with some hundred conversations at once; scrolling asks for some pages a second.
  readBurst: 2_000,
  readRate: 200,
  // 400 pages are 80,000 conversations; a reconnect takes one or two.
  listBurst: 400,
  listRate: 40,
  // Nobody founds twenty groups a second; each takes a transaction, and is told to up to 10,000 members.
  writeBurst: 200,
  writeRate: 20,
  // A device that runs wild leaves its user's others as much as it takes.
  connectionShare: 0.5,
  retentionAge: 0,
  retentionCount: 0,
  retentionInterval: 60_000,
  metricsInterval: 1_000,
  drainSpread: 2_000,
  drainDeadline: 10_000,
};

/** The defaults, but for what is given; what is undefined is not. @throws ChatError `invalid_argument` for settings out of range, or that there are not */
export function settingsOf(given: ChatServerOptions["settings"] = {}): ServerSettings {
  assertKnown("setting", given, Object.keys(DEFAULT_SETTINGS));
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  const settings: ServerSettings = { ...DEFAULT_SETTINGS, ...Object.fromEntries(named) };
  assertSettings(settings);
  return settings;
}

function assertSettings(settings: ServerSettings): void {
  for (const [name, value] of Object.entries(settings) as [string, unknown][]) {
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
      throw new ChatError("invalid_argument", `The setting ${name} must be a number that is not negative.`);
    }
  }
  for (const operation of ["frame", "byte", "send", "read", "list", "write"] as const) {
    if (settings[`${operation}Burst` as const] < 1 || settings[`${operation}Rate` as const] <= 0) {
      throw new ChatError(
        "invalid_argument",
        `${operation}Burst must be 1 or more, ${operation}Rate above 0.`,
      );
    }
  }
  if (settings.connectionShare <= 0 || settings.connectionShare > 1 || settings.metricsInterval < 1) {
    const sentence = "connectionShare must be above 0 and at most 1, metricsInterval 1 ms or more.";
    throw new ChatError("invalid_argument", sentence);
  }
  if (settings.receiptMembers > LIMITS.receiptsPerRow) {
    throw new ChatError("invalid_argument", `receiptMembers must be at most ${LIMITS.receiptsPerRow}.`);
  }
  if (settings.announceInterval < 100) {
    throw new ChatError("invalid_argument", "announceInterval must be 100 ms or more.");
  }
  if (settings.presenceHeartbeat < 100 || settings.offlineAfter < 2 * settings.presenceHeartbeat) {
    const sentence = "presenceHeartbeat must be 100 ms or more, offlineAfter twice as much or more.";
    throw new ChatError("invalid_argument", sentence);
  }
  if (settings.retentionInterval < 1_000) {
    throw new ChatError("invalid_argument", "retentionInterval must be 1,000 ms or more.");
  }
  if (settings.textCharacters < 1 || settings.textCharacters > LIMITS.textCharactersCeiling) {
    throw new ChatError("invalid_argument", `textCharacters must be 1 to ${LIMITS.textCharactersCeiling}.`);
  }
}
