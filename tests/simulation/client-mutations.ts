import type { Mutation } from "./mutations.js";

function client(name: string, file: string, find: string, replace: string): Mutation {
  return { name: `client: ${name}`, patches: [{ file: `packages/client/src/${file}`, find, replace }] };
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
    "what lies beyond a gap is not put into the reorder buffer",
    "sync/gap-filler.ts",
    "return held > 0 && after <= held;",
    "return held > 0 && after <= held + 1e9;",
  ),
  client("the filler sends no fingerprint", "sync/gap-filler.ts", "      fingerprint,\n    });", "    });"),
  client(
    "divergence ignored",
    "sync/gap-filler.ts",
    `if (codeOf(error) !== "diverged") throw error;
          return repair(replica);`,
    "throw error;",
  ),
  client(
    "what diverged is not sent again",
    "sync/gap-filler.ts",
    "const mine = lost.filter((entry) => entry.clientMessageId !== undefined);",
    "const mine = lost.filter((entry) => entry.clientMessageId === '');",
  ),
  client(
    "held ranges merged across a hole",
    "sync/held-ranges.ts",
    "if (range.to < from - 1) below.push(range);",
    "if (range.to < from - 2) below.push(range);",
  ),
  client(
    "held ranges are not cut where the history diverged",
    "sync/held-ranges.ts",
    "from > above ? [] : [{ from, to: Math.min(to, above) }]",
    "from > above ? [] : [{ from, to }]",
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
    `      await fillAll(mine);
      ({ cursor: from, more } = answer);
      commit(from, applied);`,
    `      ({ cursor: from, more } = answer);
      commit(from, applied);
      await new Promise<void>((resolve) => runtime.clock.schedule(400, resolve));
      await fillAll(mine);`,
  ),
  client(
    "the first page's cursor is replaced by the last page's",
    "sync/list-sync.ts",
    "first ??= answer.cursor;",
    "first = answer.cursor;",
  ),
  client(
    "a pong's cursor is kept although something is missing",
    "sync/list-sync.ts",
    "if (next !== undefined && synced && mine === runs && !done.includes(false)) {",
    "if (next !== undefined) {",
  ),
  client(
    "a pong's cursor is taken to vouch for what was just pushed",
    "sync/list-sync.ts",
    "      const applied = Math.max(vouched, atLastPong);",
    "      const applied = replicas.applied();",
  ),
  client(
    "only the first page of changes is read",
    "sync/list-sync.ts",
    "({ cursor: from, more } = answer);",
    "({ cursor: from } = answer);\n      more = false;",
  ),
  client(
    "no epoch check",
    "client-core.ts",
    "if (epoch !== undefined && epoch !== welcome.epoch) {",
    "if (epoch === '') {",
  ),
  client(
    "a reconnect sends nothing again",
    "outbox/outbox.ts",
    `if (slot.state !== "saving") slot.state = "waiting";`,
    `if (slot.state === "stored") slot.state = "waiting";`,
  ),
  client(
    "a resend has another key",
    "outbox/outbox.ts",
    "const { clientMessageId, conversationId } = slot.item;\n    const content",
    "const { conversationId } = slot.item;\n    const clientMessageId = newUuid(runtime.random);\n    const content",
  ),
  client(
    "every send says that it is the first",
    "outbox/outbox.ts",
    "first: first || undefined,",
    "first: first || true,",
  ),
  client(
    "a message is sent before those before it are durable",
    "outbox/outbox.ts",
    `if (slot.state === "saving" || inFlight`,
    "if (inFlight",
  ),
  client(
    "the outbox is not written durably",
    "outbox/outbox.ts",
    `await commit({ putOutbox: [item] }, "strict");
      if (signal`,
    `void commit({ putOutbox: [item] }, "relaxed" as "strict");
      if (signal`,
  ),
  client(
    "a message leaves the outbox before it is acknowledged",
    "outbox/outbox.ts",
    `slot.state = "sent";
    try {`,
    `slot.state = "sent";
    void commit({ removeOutbox: [clientMessageId] } as never, "strict");
    try {`,
  ),
  client("a failure holds nothing up", "outbox/outbox.ts", "        lane.stalled = true;\n", ""),
  client(
    "the acknowledgement goes past the reorder buffer",
    "sync/acknowledge.ts",
    "listSync.entries(conversationId, { after: messageId - 1, through: messageId, entries: [entry] });",
    "listSync.entries(conversationId, { after: 0, through: messageId, entries: [entry] });",
  ),
  client(
    "no heartbeat",
    "connection/connection.ts",
    "      ping(CLIENT_LIMITS.pongTimeout);\n      beat(interval);",
    "      beat(interval);",
  ),
  client(
    "live entries are trusted at once on a new connection",
    "sync/list-sync.ts",
    `if (replica.ranges.length > 0 && replica.trust === "sure") {`,
    `if (replica.ranges.length > 1e9) {`,
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
  ),
  client(
    "what was read is not said again after a reconnect",
    "client-core.ts",
    "  function statusChanged(): void {\n    receipts.look();\n",
    "  function statusChanged(): void {\n",
  ),
];
