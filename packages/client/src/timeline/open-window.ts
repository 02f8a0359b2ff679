import { ChatError, type Entry, isChatError } from "@chat/protocol";
import type { CustomData, TimelineWindow, WindowOptions } from "../public-types.js";
import { abortable, aborted } from "../runtime/abortable.js";
import type { Topic } from "../runtime/notifier.js";
import { curMax, rangeAt } from "../sync/held-ranges.js";
import { obeying } from "../sync/obey.js";
import { isShown } from "../sync/is-shown.js";
import { isCaughtUp, type Replica } from "../sync/replica.js";
import type { View } from "../sync/view.js";
import { createPager, pageSize } from "./create-pager.js";
import { createScreen } from "./create-screen.js";
import type { TimelineEnvironment } from "./timeline-environment.js";

const NOTHING: readonly never[] = [];

/**
 * Opens a window on a conversation's log. What it fetches is held like everything else, as an island of the log; once it
 * reaches what the timeline shows, it goes on with that.
 * @param open opens the timeline, and brings it up to the head if there is a connection
 * @param topic changes with the replica and its outbox
 */
export async function openWindow<C extends CustomData>(
  { replicas, filler, writer, ask, lineOf, outboxOf, isOnline }: TimelineEnvironment<C>,
  replica: Replica,
  topic: Topic,
  open: () => Promise<void>,
  { around, limit, signal }: WindowOptions,
): Promise<TimelineWindow<C>> {
  const { id } = replica;
  const first = pageSize(limit);
  const closing = new AbortController();
  const subscriptions = new Set<() => void>();
  /** All that is to be shown of [from, to], ascending. */
  let entries: readonly Entry[] = [];
  let from = around;
  let to = around;
  /** The view of the log that `entries` belong to; another one means that the log was replaced. */
  let view: View | undefined;
  /** It has reached what the timeline shows last: from then on it shows what comes, too. */
  let isLive = false;
  /** Nothing is held any more of what was shown, and it can't be had. */
  let isLost = false;
  let reloading: Promise<void> | undefined;
  const screen = createScreen(lineOf, replica);

  /** Asks for a part of the log, and holds it. @returns the bounds of the answer, both included; undefined if it is of no use */
  async function fetch(
    query: { readonly after: number } | { readonly before: number } | { readonly around: number },
    size: number,
    given: AbortSignal | undefined,
  ): Promise<{ readonly from: number; readonly to: number } | undefined> {
    const page = await ask(
      { type: "get-range", conversationId: id, limit: size, ...query },
      { signal: given },
    );
    if (replica.trust !== "sure" || replica.ranges.length === 0) {
      // Answered over a new connection: nothing of the server's goes beside what may not be the server's. And the end comes first.
      await filler.fill(replica);
      return undefined;
    }
    replicas.apply(replica, page);
    return { from: page.after + 1, to: page.through };
  }

  function rangeOf(messageId: number) {
    return rangeAt(replica.ranges, messageId);
  }

  async function load(middle: number, size: number, given: AbortSignal | undefined): Promise<void> {
    for (;;) {
      await open();
      if (isOnline() && !isCaughtUp(replica)) await filler.fill(replica);
      if (given?.aborted) throw aborted(given);
      if (isCaughtUp(replica) && replica.ranges.length === 0) throw nothingThere();
      const lowest = Math.max(1, replica.row.firstId);
      let anchor = Math.max(lowest, Math.min(middle, replica.target));
      let range = rangeOf(anchor);
      if (range === undefined) {
        const page = await fetch({ around: anchor }, size, given);
        if (page === undefined) continue;
        // What lies there may not be for this user: then the nearest that is.
        anchor = Math.max(page.from, Math.min(anchor, page.to));
        range = rangeOf(anchor);
        if (range === undefined) throw nothingThere();
      }
      const current = replica.view;
      const half = Math.floor(size / 2);
      const query = { after: range.from - 1, before: anchor, limit: half, order: "descending" } as const;
      const below = half > 0 ? await writer.read(id, query) : [];
      const rest = size - below.length;
      const behind = { after: anchor - 1, before: range.to + 1, limit: rest, order: "ascending" } as const;
      const above = await writer.read(id, behind);
      // Otherwise the log was replaced meanwhile.
      if (replica.view !== current || !current?.loaded) continue;
      view = current;
      entries = [...below, ...above];
      from = below.length < half ? range.from : (below[0]?.messageId ?? anchor);
      to = above.length < rest ? range.to : above.at(-1)!.messageId;
      return keepUp();
    }
  }

  /** Takes over what has happened to the log. */
  function keepUp(): void {
    if (closing.signal.aborted) return;
    if (view === undefined || view !== replica.view) return reload();
    const kept = replica.ranges.find((range) => range.from <= to && from <= range.to);
    if (kept === undefined) return reload();
    if (from < kept.from || kept.to < to) {
      from = Math.max(from, kept.from);
      to = Math.min(to, kept.to);
      entries = entries.filter(({ messageId }) => from <= messageId && messageId <= to);
    }
    const head = curMax(replica.ranges);
    isLive = (isLive || to === head) && kept.to === head && view.loaded && view.from <= to + 1;
    if (isLive && to < head) {
      const reached = to;
      entries = [...entries, ...view.entries.filter(({ messageId }) => messageId > reached)];
      to = head;
    }
    const current = entries.map(obeying(replica));
    if (current.some((entry, index) => entry !== entries[index])) entries = current;
  }

  /** Of what was shown nothing is left that could be trusted: reads it anew. */
  function reload(): void {
    if (reloading || isLost || closing.signal.aborted) return;
    view = undefined;
    isLive = false;
    const middle = entries[entries.length >> 1]?.messageId ?? around;
    entries = entries.filter(({ messageId }) => rangeOf(messageId));
    reloading = load(middle, Math.max(first, entries.length), closing.signal)
      .catch((error: unknown) => {
        isLost = !isChatError(error) || !error.retryable;
        if (isLost) entries = [];
      })
      .finally(() => {
        reloading = undefined;
        topic.changed();
      });
  }

  const hasOlder = (): boolean => from > Math.max(1, replica.row.firstId);
  const hasNewer = (): boolean => !isLive;

  async function loadPage(older: boolean, size: number, given: AbortSignal): Promise<void> {
    while (!isLost && (older ? hasOlder() : hasNewer())) {
      await reloading;
      if (given.aborted || closing.signal.aborted) throw aborted(given);
      const range = rangeOf(older ? from : to);
      const current = view;
      if (range === undefined || current === undefined) return;
      if (older ? range.from === from : range.to === to) {
        const page = await fetch(older ? { before: from } : { after: to }, size, given);
        // Nothing of it is held: there is nothing to be had.
        if (page && view === current && rangeOf(older ? from - 1 : to + 1) === undefined) return;
        continue;
      }
      const query = older
        ? ({ after: range.from - 1, before: from, limit: size, order: "descending" } as const)
        : ({ after: to, before: range.to + 1, limit: size, order: "ascending" } as const);
      const [wasFrom, wasTo] = [from, to];
      const page = await writer.read(id, query);
      // Otherwise what was read does not adjoin what is shown any more.
      if (view !== current || replica.view !== current || (older ? from !== wasFrom : to !== wasTo)) continue;
      if (older) {
        from = page.length < size ? range.from : page[0]!.messageId;
        entries = [...page, ...entries];
      } else {
        to = page.length < size ? range.to : page.at(-1)!.messageId;
        entries = [...entries, ...page];
      }
      keepUp();
      if (page.some(isShown)) return;
    }
  }

  const pagers = [true, false].map((older) =>
    createPager(
      (size, given) => loadPage(older, size, given),
      () => topic.changed(),
    ),
  );
  const [olderPager, newerPager] = pagers as [(typeof pagers)[0], (typeof pagers)[0]];

  await abortable(load(around, first, signal), signal);
  subscriptions.add(topic.subscribe(keepUp));

  return {
    get messages() {
      keepUp();
      return screen(entries, isLive ? outboxOf(id) : NOTHING);
    },
    get state() {
      keepUp();
      if (isLost) return "gap";
      if (reloading || pagers.some(({ loading }) => loading)) return isOnline() ? "filling" : "gap";
      return !isLive || isCaughtUp(replica) ? "complete" : isOnline() ? "filling" : "gap";
    },
    get hasOlder() {
      keepUp();
      return hasOlder();
    },
    get hasNewer() {
      keepUp();
      return hasNewer();
    },
    subscribe(listener) {
      if (closing.signal.aborted) return () => {};
      const unsubscribe = topic.subscribe(listener);
      subscriptions.add(unsubscribe);
      return () => {
        subscriptions.delete(unsubscribe);
        unsubscribe();
      };
    },
    loadOlder: (options) => abortable(olderPager.load(options), closing.signal),
    loadNewer: (options) => abortable(newerPager.load(options), closing.signal),
    close() {
      closing.abort();
      for (const unsubscribe of subscriptions) unsubscribe();
      subscriptions.clear();
    },
  };
}

function nothingThere(): ChatError {
  return new ChatError("not_found", "There are no messages around this one.");
}
