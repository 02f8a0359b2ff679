import type { Group } from "./actions.js";

/**
 * Where a run looks more closely: what a seed would leave to its own chance. A planted bug that needs three things at once
 * is found in most seeds that do little else, and in one of hundreds that do everything.
 */
export interface Focus {
  /** Exactly these kinds of faults, instead of those that the seed would draw. */
  readonly only?: readonly Group[];
  /** How many times likelier an action is than usual, by its name. */
  readonly more?: Readonly<Record<string, number>>;
  /** Beyond so many missing entries a device begins with the newest. */
  readonly catchUpEntries?: number;
  /** Conversations that a device compares with the server when it starts. */
  readonly comparedConversations?: number;
  /** The probability that a restored backup has another epoch. */
  readonly renames?: number;
  /** Devices that each user has. */
  readonly devices?: number;
  /** The probability that a message which is told is marked as unread. */
  readonly marksUnread?: number;
}

/** Somebody writes, and is removed and comes back meanwhile. */
export const COMINGS_AND_GOINGS: Focus = {
  only: ["members", "network", "store"],
  more: { "is removed while writing": 8, "is cut while writing": 6, "store is slow": 3 },
};

/** Many messages of one device are under way while the store fails. */
export const BURSTS: Focus = {
  only: ["network", "store"],
  more: { burst: 6, "is cut while writing": 4, "store fails": 5, "store is slow": 3, "slow network": 3 },
};

/** Hints come late, twice, in another order, or never. */
export const WEAK_FANOUT: Focus = {
  only: ["members", "fanout"],
  more: {
    "fan-out reorders": 6,
    "fan-out outage": 3,
    "add a member": 2,
    "remove a member": 3,
    "is removed while writing": 6,
  },
};

/** Backups are restored, again and again, that lack a little. */
export const BACKUPS: Focus = {
  only: ["backup"],
  more: { backup: 3, "backup is restored": 8, "go offline": 5 },
  renames: 0,
};

/** Connections are lost while devices catch up with what fan-out did not bring. */
export const RECONNECTS: Focus = {
  only: ["network", "fanout"],
  more: { cut: 4, "slow network": 3, "fan-out outage": 4, "go offline": 4, "no network": 3 },
};

/** What was written is taken away, also from those who are away or have left. */
export const REDACTIONS: Focus = {
  only: ["members", "network"],
  more: { "redact a message": 10, "is removed while writing": 4, "go offline": 4, "no network": 2 },
};

/** Applications end at any moment, on storage that takes its time. */
export const CRASHES: Focus = {
  only: ["device", "storage", "network"],
  more: { "device restarts": 5, "storage is slow": 5, "is cut while writing": 4 },
};

/** Applications end while they catch up, and start again with more conversations than they compare. */
export const RESTARTS: Focus = {
  only: ["device", "fanout", "store"],
  more: { "device restarts": 8, "fan-out outage": 4, "store is slow": 4 },
  comparedConversations: 1,
};

/** Messages lie in one store, and rows in another, which is away now and then; servers die in between. */
export const ROWS_BEHIND: Focus = {
  only: ["log elsewhere", "members", "server", "network", "fanout"],
  more: { "rows stay behind": 2, "server dies at a step": 2 },
};

/** Servers and applications of two versions run beside each other, while requests fail. */
export const VERSIONS: Focus = { only: ["versions", "network", "store"], more: { "store fails": 4 } };

/** Another engine takes over from one under running servers, and lacks what was committed last. */
export const FAILOVERS: Focus = {
  only: ["failover", "members", "network"],
  more: { failover: 4, "go offline": 3 },
};

/** The same to rows whose messages lie elsewhere, while messages are deleted and users erased. */
export const HOUSEKEPT_FAILOVERS: Focus = {
  only: ["failover", "members", "network", "log elsewhere", "retention", "erasure"],
};

/** Messages of large groups are pushed and told as news by turns. */
export const LARGE_GROUPS: Focus = {
  only: ["large group", "members", "network"],
  more: { "everybody is added": 2, burst: 2, "go offline": 3 },
};
