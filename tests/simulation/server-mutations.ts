import {
  BACKUPS,
  BURSTS,
  FAILOVERS,
  COMINGS_AND_GOINGS,
  RECONNECTS,
  WEAK_FANOUT,
  LARGE_GROUPS,
  REDACTIONS,
  ROWS_BEHIND,
  type Focus,
} from "./focus.js";
import type { Mutation } from "./mutations.js";

function server(name: string, file: string, find: string, replace: string, focus: Focus = {}): Mutation {
  return { name, patches: [{ file: `packages/server/src/${file}`, find, replace }], focus };
}

const EARLY_ACKNOWLEDGEMENT = `
      const early = new Error("early");
      try {
        this.#connection.transact(() => {
          const context = this.#begin();
          for (const { job } of batch) job.run(context);
          context.flush();
          throw early;
        });
      } catch (thrown) {
        if (thrown !== early) throw thrown;
      }
      this.#connection.runtime.clock.schedule(5, () =>
        this.#connection.transact(() => {
          const context = this.#begin();
          for (const { job } of batch) job.run(context);
          context.flush();
        }),
      );`;

/** Bugs planted in the server. */
export const SERVER_MUTATIONS: readonly Mutation[] = [
  server(
    "server: no reconcile",
    "delivery/change-follower.ts",
    "this.#cancelTimer = this.#options.runtime.clock.schedule(this.#options.interval, () => {",
    "this.#cancelTimer = this.#options.runtime.clock.schedule(1e12, () => {",
    WEAK_FANOUT,
  ),
  server(
    "server: members who were added elsewhere are not looked for",
    "delivery/change-follower.ts",
    "if (membershipMoved || redacted) await",
    "if (redacted) await",
    WEAK_FANOUT,
  ),
  server(
    "store: a key that is taken does not matter",
    "store/sqlite/sqlite-message-store.ts",
    ".run(...key, entry.messageId).changes === 0",
    ".run(...key, entry.messageId).changes < 0",
  ),
  server(
    "server: no look-up of the key before a refusal",
    "operations/append-authorized.ts",
    "const entry = await context.messages.find(key);",
    "const entry = undefined as Awaited<ReturnType<typeof context.messages.find>>;",
    COMINGS_AND_GOINGS,
  ),
  server(
    "store: acknowledged before the commit",
    "store/sqlite/group-commit.ts",
    `
      this.#connection.transact(() => {
        const context = this.#begin();
        for (running of batch) running.job.run(context);
        running = undefined;
        context.flush();
      });`,
    EARLY_ACKNOWLEDGEMENT,
  ),
  server(
    "store: what a rolled back transaction has read is taken for true",
    "store/sqlite/group-commit.ts",
    `        const context = this.#begin();
        for (running of batch) running.job.run(context);
        running = undefined;
        context.flush();
      });
    } catch (thrown) {`,
    `        const kept = this as unknown as { context?: Context };
        const context = (kept.context ??= this.#begin());
        for (running of batch) running.job.run(context);
        running = undefined;
        context.flush();
      });
      delete (this as { context?: Context }).context;
    } catch (thrown) {`,
    { only: ["contention", "network"] },
  ),
  server(
    "store: rows that fell behind their log are not brought up",
    "store/combined/row-repair.ts",
    "if (row.head >= log.head) return missed;",
    "if (row.head >= 0) return missed;",
    ROWS_BEHIND,
  ),
  server(
    "store: appends to a log elsewhere are not marked",
    "store/combined/combined-messages.ts",
    "    await this.#rows.follower.mark(this.#owner, ids, this.#grace);\n",
    "",
    { only: ["log elsewhere", "fanout"], more: { "rows stay behind": 8, "fan-out outage": 6 }, devices: 1 },
  ),
  server(
    "server: what a row has not seen yet is taken for lost",
    "operations/authorize-member.ts",
    "if (reach <= participation.head) return participation;",
    "if (reach <= Infinity) return participation;",
    ROWS_BEHIND,
  ),
  server(
    "server: off by one in a track's gap",
    "delivery/gap-reader.ts",
    "after: track.head,",
    "after: track.head + 1,",
  ),
  server(
    "server: a track takes what comes early for what comes next",
    "delivery/track.ts",
    "let next = this.#early.get(this.head + 1);",
    "let next = this.#early.get(this.head + 1) ?? [...this.#early.values()][0];",
    WEAK_FANOUT,
  ),
  server(
    "server: a lane is not blocked after a failure",
    "session/lane.ts",
    `if (outcome.status === "refused" && mayPass(outcome.error)) this.#blocked = true;`,
    "",
    BURSTS,
  ),
  server(
    "server: a refused draft does not block those behind it",
    "operations/append-authorized.ts",
    "blocked = outcome.error.retryable;",
    "blocked = false;",
    BURSTS,
  ),
  server(
    "server: what stands behind a failed draft is tried again",
    "operations/append-authorized.ts",
    "        !failed &&\n",
    "",
    {
      only: ["members", "store"],
      more: { burst: 10, "add a member": 6, "remove a member": 8, "store fails": 8, "store is slow": 2 },
    },
  ),
  server(
    "server: intervals ignored in ranges",
    "operations/get-range.ts",
    "for (const interval of ascending ? intervals : [...intervals].reverse()) {",
    "for (const interval of [{ from: intervals.length > 9 ? 2 : 1, to: undefined as number | undefined }]) {",
  ),
  server(
    "server: intervals ignored in delivery",
    "delivery/track.ts",
    "if (this.#members.delete(userId)) this.environment.left(userId, this);",
    "this.environment.left(userId, this);",
  ),
  server(
    "server: authorization cached for ever",
    "operations/send-messages.ts",
    "attempt++ === 0 && message.replyTo === undefined",
    "attempt++ >= 0 && message.replyTo === undefined",
    COMINGS_AND_GOINGS,
  ),
  server(
    "store: the membership version is not checked",
    "store/sqlite/sqlite-message-store.ts",
    "draft.membershipVersion === state.membershipVersion",
    "draft.membershipVersion <= state.membershipVersion",
    COMINGS_AND_GOINGS,
  ),
  server(
    "server: former members may write",
    "operations/authorize-member.ts",
    "if (!participation.member)",
    "if (!participation.member && participation.intervals.length === 0)",
    COMINGS_AND_GOINGS,
  ),
  server(
    "server: welcome before the tracks are laid",
    "session/session.ts",
    "await deliverer.attach(this);",
    "void deliverer.attach(this).catch(() => {});",
    { only: ["network", "store", "device"], more: { cut: 4, "store is slow": 5, "device restarts": 3 } },
  ),
  server(
    "server: a fingerprint is not compared",
    "operations/get-range.ts",
    "if (entry?.fingerprint !== fingerprint && ",
    "if (entry?.fingerprint === 0 && ",
    BACKUPS,
  ),
  server(
    "store: a cursor of a lost history is taken",
    "store/sqlite/feed-position.ts",
    "if (boot === undefined || change >=",
    "if (boot === undefined || change - 1e9 >=",
    BACKUPS,
  ),
  server(
    "server: what comes next is not compared with what was delivered",
    "delivery/track.ts",
    "if (fingerprint === undefined) return true;",
    "if (fingerprint !== 0) return true;",
    FAILOVERS,
  ),
  server(
    "server: it acknowledges what does not follow what was delivered",
    "delivery/deliverer.ts",
    "if (track?.fits(entry) === false) this.#lost(track);",
    "",
    FAILOVERS,
  ),
  server(
    "server: what was delivered is not compared after a boot",
    "delivery/change-follower.ts",
    "deliverer.beginComparing();",
    "",
    FAILOVERS,
  ),
  server(
    "server: what was delivered is not compared once more",
    "delivery/change-follower.ts",
    "boot === this.#boot ? Infinity : now + COMPARED_AGAIN",
    "Infinity",
    FAILOVERS,
  ),
  server(
    "store: a former member's row goes on",
    "store/sqlite/conversation-rows.ts",
    "CASE WHEN p.left_at IS NULL THEN c.head ELSE p.left_at - 1 END AS head,",
    "c.head AS head,",
  ),
  server(
    "store: a former member's row shows the latest message",
    "store/sqlite/conversation-rows.ts",
    "conversation = p.conversation AND id = p.left_latest_id",
    "conversation = p.conversation AND id = c.latest_id",
    COMINGS_AND_GOINGS,
  ),
  server("server: keys are told to everybody", "delivery/to-entry.ts", "...(mine && {", "...(true && {"),
  server(
    "server: a stale membership is followed",
    "delivery/deliverer.ts",
    "if (track === undefined || track.head <= known.head) break;",
    "if (track === undefined || track.head <= known.head + 1e9) break;",
    {
      only: ["members", "network", "store"],
      more: { "is removed while connecting": 15, "add a member": 3, "store is slow": 8 },
    },
  ),
  server(
    "server: a pong's cursor runs ahead",
    "delivery/change-follower.ts",
    "      const changes = await store.conversations.changes({ limit: PAGE, cursor: this.#position });",
    `      const changes = await store.conversations.changes({ limit: PAGE, cursor: this.#position });
      this.#position = changes.cursor;`,
    RECONNECTS,
  ),
  server(
    "server: receipts that fan-out lost are not looked for",
    "delivery/change-follower.ts",
    "if (receiptsMoved) await",
    "if (receiptsMoved && false) await",
    WEAK_FANOUT,
  ),
  server(
    "store: a watermark goes back",
    "store/advance-receipt.ts",
    "read.messageId > before.read ? read",
    "read.messageId !== before.read ? read",
  ),
  server(
    "store: a redaction leaves the body",
    "store/sqlite/sqlite-message-store.ts",
    "this.#redactions.wipe(states, state, wiped);",
    "this.#redactions.wipe(states, state, wiped.slice(1));",
    REDACTIONS,
  ),
  server(
    "store: a redaction leaves the words in the row",
    "store/sqlite/conversation-states.ts",
    "state.newLatest = tombstoneOf(entry);",
    "state.newLatest = tombstoneOf(entry) && state.newLatest;",
    { ...REDACTIONS, more: { "redact a message": 30 } },
  ),
  {
    name: "server: what is kept of a large group outlives the change to pushes",
    patches: [
      {
        file: "packages/server/src/delivery/track.ts",
        find: "      else this.#recent = undefined;\n",
        replace: "",
      },
      {
        file: "packages/server/src/delivery/recent-entries.ts",
        find: "run[0]!.messageId !== last.messageId + 1",
        replace: "run[0]!.messageId <= last.messageId",
      },
    ],
    focus: LARGE_GROUPS,
  },
  {
    name: "server: the first push behind news says that it continues the last push",
    patches: [
      {
        file: "packages/server/src/delivery/track.ts",
        find: "const last = run[run.length - 1]!;",
        replace: `const last = run[run.length - 1]!;
    const self = this as { pushed?: number };
    const continues = self.pushed ?? Infinity;
    self.pushed = last.messageId;`,
      },
      {
        file: "packages/server/src/delivery/track.ts",
        find: "after: from - 1,",
        replace: "after: Math.min(from - 1, continues),",
      },
    ],
    focus: LARGE_GROUPS,
  },
];
