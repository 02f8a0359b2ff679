import { ChatError, type Entry } from "@chat/protocol";
import type { CustomData, Timeline } from "../public-types.js";
import type { Topic } from "../runtime/notifier.js";
import { hasBelow, pageDown } from "../sync/page-down.js";
import { isShown } from "../sync/is-shown.js";
import { isCaughtUp, type Replica } from "../sync/replica.js";
import { createPager } from "./create-pager.js";
import { createScreen } from "./create-screen.js";
import type { TimelineEnvironment } from "./timeline-environment.js";

/** What the screen reads of one conversation. @param topic changes with the replica and its outbox */
export function createTimeline<C extends CustomData>(
  environment: TimelineEnvironment<C>,
  replica: Replica,
  topic: Topic,
): Timeline<C> {
  const { replicas, filler, ask, lineOf, outboxOf, isOnline } = environment;
  const pager = createPager(loadPage, () => topic.changed());
  const screen = createScreen(lineOf, replica);
  let opening: Promise<void> | undefined;
  let shown: readonly Entry[] = [];

  function open(): Promise<void> {
    return (opening ??= replicas.open(replica).then(() => {
      if (isOnline()) void filler.fill(replica);
    }));
  }

  function hasOlder(): boolean {
    void open();
    return hasBelow(replica);
  }

  async function loadPage(limit: number, signal: AbortSignal): Promise<void> {
    await open();
    while (hasOlder()) {
      const page = await pageDown(replica, limit, environment, (query) =>
        ask({ type: "get-range", conversationId: replica.id, ...query }, { signal }),
      );
      if (page?.isEnd || page?.entries.some(isShown)) return;
      if (replica.trust !== "sure") await filler.fill(replica);
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
