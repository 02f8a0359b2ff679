import { BACKUPS, BURSTS, CRASHES, type Focus, RECONNECTS, REDACTIONS, RESTARTS, VERSIONS } from "./focus.js";
import type { Mutation } from "./mutations.js";

function client(name: string, file: string, find: string, replace: string, focus: Focus = {}): Mutation {
  return {
    name: `client: ${name}`,
    patches: [{ file: `packages/client/src/${file}`, find, replace }],
    focus,
  };
}

/** Bugs planted in the client. */
export const CLIENT_MUTATIONS: readonly Mutation[] = [
  client(
    "off by one in the gap filler",
    "sync/gap-filler.ts",
    "      after: held,\n",
    "      after: held + (trust === 'suspect' ? 0 : 1),\n",
  ),
  client(
    "the filler sends no fingerprint",
    "sync/gap-filler.ts",
    "      fingerprint,\n    });",
    "    });",
    BACKUPS,
  ),
  client(
    "divergence ignored",
    "sync/gap-filler.ts",
    `if (toChatError(error).code !== "diverged") throw error;
          return repair(replica);`,
    "throw error;",
    BACKUPS,
  ),
  client(
    "what diverged is not sent again",
    "sync/gap-filler.ts",
    "const mine = lost.filter((entry) => entry.clientMessageId !== undefined);",
    "const mine = lost.filter((entry) => entry.clientMessageId === '');",
    BACKUPS,
  ),
  client(
    "held ranges merged across a hole",
    "sync/held-ranges.ts",
    "if (range.to < from - 1) below.push(range);",
    "if (range.to < from - 2) below.push(range);",
    { ...RECONNECTS, catchUpEntries: 5 },
  ),
  client(
    "held ranges are not cut where the history diverged",
    "sync/held-ranges.ts",
    "from > above ? [] : [{ from, to: Math.min(to, above) }]",
    "from > above ? [] : [{ from, to }]",
    BACKUPS,
  ),
  client(
    "an entry that is held is told again",
    "sync/replicas.ts",
    "if (entry.messageId > heard && (continues || entry.messageId > head)) arrived(replica, entry);",
    "if (continues || entry.messageId > head) arrived(replica, span.entries[0] ?? entry);",
  ),
  client(
    "the cursor of the changes is committed before what it vouches for",
    "sync/list-sync.ts",
    `      take(answer.rows, touches);
      // The store still knows`,
    `      commit(answer.cursor, applied);
      await new Promise<void>((resolve) => runtime.clock.schedule(400, resolve));
      take(answer.rows, touches);
      // The store still knows`,
    RESTARTS,
  ),
  client(
    "the first page's cursor is replaced by the last page's",
    "sync/list-sync.ts",
    "first ??= answer.cursor;",
    "first = answer.cursor;",
    {
      only: ["failover", "fanout", "network", "store"],
      more: { failover: 8, "fan-out outage": 8, "store is slow": 8, cut: 10 },
    },
  ),
  client(
    "a pong's cursor is kept although something is missing",
    "sync/list-sync.ts",
    "const done = await Promise.all([...waits, ...refreshing.values()]);",
    "const done: boolean[] = [];",
    RESTARTS,
  ),
  client(
    "a pong's cursor is taken to vouch for what was just pushed",
    "sync/list-sync.ts",
    "      const applied = Math.max(vouched, atLastPong);",
    "      const applied = replicas.applied();",
    BACKUPS,
  ),
  client(
    "only the first page of changes is read",
    "sync/list-sync.ts",
    "({ cursor: from, more } = answer);",
    "({ cursor: from } = answer);\n      more = false;",
    RECONNECTS,
  ),
  client(
    "no epoch check",
    "client-core.ts",
    "if (epoch !== undefined && epoch !== welcome.epoch) {",
    "if (epoch === '') {",
    { ...BACKUPS, renames: 1 },
  ),
  client(
    "a reconnect sends nothing again",
    "outbox/outbox.ts",
    `if (slot.state !== "saving") slot.state = "waiting";
        pump(lane);`,
    `if (slot.state !== "saving") slot.state = "waiting";`,
    BURSTS,
  ),
  client(
    "a resend has another key",
    "outbox/lane-sender.ts",
    "const { clientMessageId, conversationId } = slot.item;\n    const content",
    "const { conversationId } = slot.item;\n    const clientMessageId = newUuid(runtime.random);\n    const content",
  ),
  client(
    "every send says that it is the first",
    "outbox/lane-sender.ts",
    "first: first || undefined,",
    "first: first || true,",
    BURSTS,
  ),
  client(
    "the outbox is not written durably",
    "outbox/outbox.ts",
    `await commit({ putOutbox: [item] }, "strict");
      if (signal`,
    `void commit({ putOutbox: [item] }, "relaxed" as "strict");
      if (signal`,
    CRASHES,
  ),
  client(
    "a message leaves the outbox before it is acknowledged",
    "outbox/lane-sender.ts",
    `slot.state = "sent";
    try {`,
    `slot.state = "sent";
    void commit({ removeOutbox: [clientMessageId] } as never, "strict");
    try {`,
    CRASHES,
  ),
  client("a failure holds nothing up", "outbox/lane-sender.ts", "        lane.stalled = true;\n", "", BURSTS),
  client(
    "the acknowledgement goes past the reorder buffer",
    "sync/acknowledge.ts",
    "listSync.entries(conversationId, { after: messageId - 1, through: messageId, entries: [entry] });",
    "listSync.entries(conversationId, { after: 0, through: messageId, entries: [entry] });",
  ),
  client(
    "no heartbeat",
    "connection/heartbeat.ts",
    "      beat(interval, interval);\n      ping(CLIENT_LIMITS.pongTimeout);",
    "      beat(interval, interval);",
    RECONNECTS,
  ),
  client(
    "live entries are trusted at once on a new connection",
    "sync/list-sync.ts",
    `if (replica.ranges.length > 0 && replica.trust === "sure") {`,
    `if (replica.ranges.length > 1e9) {`,
    BACKUPS,
  ),
  client(
    "entries and the ranges that vouch for them part",
    "sync/replicas.ts",
    "commit(replica, { ...forgotten, entries: added, redact, removeOutbox });",
    `commit(replica, { ...forgotten, redact, removeOutbox });
      void writer.commit({ truncate: [] });
      void writer.commit({ entries: added });`,
  ),
  client(
    "an answer about receipts counts for more than a later push",
    "sync/receipts.ts",
    "const isAnswered = mark !== undefined && replica.mark === mark;",
    "const isAnswered = true;",
    { only: ["store"], more: { "store is slow": 10 }, devices: 3, marksUnread: 0.4 },
  ),
  client(
    "what was redacted stays in the cache",
    "sync/replicas.ts",
    "const { missed, redact } = obey(replica, span);",
    "const { missed } = obey(replica, span);\n      const redact: never[] = [];",
    REDACTIONS,
  ),
  client(
    "a redaction that was missed is not noticed",
    "sync/obey.ts",
    "missed = replica.obeyed = newest;",
    "replica.obeyed = newest;",
    REDACTIONS,
  ),
  client(
    "what a missed redaction has cost is not fetched anew",
    "client-core.ts",
    "if (isOnline() && isFollowed(replica)) void filler.fill(replica);",
    "",
    REDACTIONS,
  ),
  client(
    "a push that it does not know ends the connection",
    "connection/connection.ts",
    `if (frame.type === "unknown") continue;`,
    `if (frame.type === "unknown") return unreadable(new Error("unknown"));`,
    VERSIONS,
  ),
  client(
    "an error that it does not know is final",
    "frame-receiver.ts",
    "new ChatError(frame.code, frame.message, frame)",
    "new ChatError(frame.code, frame.message)",
    VERSIONS,
  ),
];
