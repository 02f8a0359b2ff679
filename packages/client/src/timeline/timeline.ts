import { ChatError, type Entry } from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";
import type { CustomData, Timeline } from "../public-types.js";
import type { Topic } from "../runtime/notifier.js";
import { isCaughtUp, type Replica } from "../sync/replica.js";
import { createPager } from "./create-pager.js";
import { createScreen } from "./create-screen.js";
import { isShown } from "./merge-timeline.js";
import type { TimelineEnvironment } from "./timeline-environment.js";

/** What the screen reads of one conversation. @param topic changes with the replica and its outbox */
export function createTimeline<C extends CustomData>(
  environment: TimelineEnvironment<C>,
  replica: Replica,
  topic: Topic,
): Timeline<C> {
  const { replicas, filler, writer, ask, lineOf, outboxOf, isOnline } = environment;
  const pager = createPager(loadPage, () => topic.changed());
  const screen = createScreen(lineOf, replica);
  let opening: Promise<void> | undefined;
  let shown: readonly Entry[] = [];

  function open(): Promise<void> {
    return (opening ??= replicas.open(replica).then(() => {
      if (isOnline()) void filler.fill(replica).then(fillScreen);
    }));
  }

  /** Of a conversation that was never read here, there may be no more than what was pushed since. */
  function fillScreen(): void {
    const limit = CLIENT_LIMITS.prefetchEntries - replica.view!.entries.length;
    // What does not come now is asked for like all that is older.
    if (limit > 0 && hasOlder()) pager.load({ limit }).catch(() => {});
  }

  /** Where the view begins, or would begin if anything were held. */
  function start(): number {
    return Math.min(replica.view!.from, replica.target + 1);
  }

  function hasOlder(): boolean {
    void open();
    return start() > Math.max(1, replica.row.firstId) && start() <= Number.MAX_SAFE_INTEGER;
  }

  async function loadPage(limit: number, signal: AbortSignal): Promise<void> {
    await open();
    while (hasOlder()) {
      const { view, ranges, id } = replica;
      const before = start();
      const newest = ranges.at(-1);
      let from: number;
      let entries: readonly Entry[];
      if (newest && newest.from < before) {
        const query = { after: newest.from - 1, before, limit, order: "descending" } as const;
        entries = await writer.read(id, query);
        from = entries.length < limit ? newest.from : entries[0]!.messageId;
      } else {
        const page = await ask({ type: "get-range", conversationId: id, before, limit }, { signal });
        if (replica.trust !== "sure") {
          // Answered over a new connection: nothing of the server's goes below what may not be the server's.
          await filler.fill(replica);
          continue;
        }
        if (page.after + 1 >= before) return;
        ({ entries } = page);
        from = page.after + 1;
        if (replica.view === view) replicas.apply(replica, page);
      }
      // Otherwise the log was replaced meanwhile, or begins elsewhere, and what was read does not adjoin it.
      if (replica.view !== view || start() > before) continue;
      replicas.prepend(replica, from, entries);
      if (entries.some(isShown)) return;
    }
  }

  return {
    get messages() {
      void open();
      const { loaded, entries } = replica.view!;
      // While the cache is being read, what was shown last is still right.
      if (loaded) shown = entries;
      return screen(shown, outboxOf(replica.id));
    },
    get state() {
      void open();
      if (!replica.view!.loaded || replica.filling || pager.loading) return "filling";
      return isCaughtUp(replica) ? "complete" : isOnline() ? "filling" : "gap";
    },
    get hasOlder() {
      return hasOlder();
    },
    subscribe(listener) {
      void open();
      return topic.subscribe(listener);
    },
    loadOlder: (options) => pager.load(options),

    async window(options) {
      // Loaded where it is needed only.
      const { openWindow } = await import("./open-window.js").catch((cause: unknown) => {
        throw new ChatError("disconnected", "A part of the client could not be loaded.", { cause });
      });
      return openWindow(environment, replica, topic, open, options);
    },
  };
}
