import {
  type Cancel,
  ChatError,
  isChatError,
  isId,
  LIMITS,
  type PresenceStatus,
  type UserPresence,
} from "@chat/protocol";
import { CLIENT_PARTS, type ClientParts } from "../client-parts.js";
import type { ChatClient, RequestOptions, Unsubscribe } from "../public-types.js";
import { type ActivitySignals, pageActivity } from "./activity-signals.js";
import { tabChannel } from "./tab-channel.js";

/** Whether a user is there. */
export interface UserStatus {
  readonly userId: string;
  /** `away`: connected, and nothing was done on any of the user's devices for a while. */
  readonly status: PresenceStatus;
  /** When the user did something last; absent while online, and where it is not known or not shown. */
  readonly lastActiveAt?: Date;
}

/** How a client tells and hears of presence. */
export interface PresenceOptions {
  /** Tells whether somebody is at this device; by default the page's input, where there is a page. `null`: it always is in use. */
  readonly activity?: ActivitySignals | null | undefined;
  /** ms without activity after which this device is not in use; 300,000 by default. */
  readonly idleAfter?: number | undefined;
  /** Watches the other users of direct conversations, the 200 with the newest activity; true by default. */
  readonly contacts?: boolean | undefined;
}

/** Who is there, and whether this user wants to be seen. */
export interface Presence {
  /** What is known of a user who is watched; the same object until it changed. Undefined while offline, of strangers, and before the answer. */
  get(userId: string): UserStatus | undefined;
  /** Wants to know of users until it is ended: for those who are on the screen. As many may watch the same as want to. */
  watch(userIds: readonly string[], listener?: () => void): Unsubscribe;
  /** Calls back after something changed that `get` or `invisible` says. */
  subscribe(listener: () => void): Unsubscribe;
  /** True if this user is seen by nobody; undefined before it is known. */
  readonly invisible: boolean | undefined;
  /** Whether others see this user, on all devices. Resolves once that is kept. @throws ChatError `timeout`, `rate_limited`… */
  setInvisible(invisible: boolean, options?: RequestOptions): Promise<void>;
}

const IDLE_AFTER = 300_000;
/** Whom `contacts` watches at the most. */
const CONTACTS = 200;

type Extended = ChatClient & { readonly [CLIENT_PARTS]?: ClientParts };

/**
 * The presence of a client: the same object for as long as the client lives, with the options of the first call. It ends with the client.
 * @throws ChatError `invalid_argument` if the client is of another version of this package
 */
export function presenceOf(client: ChatClient, options: PresenceOptions = {}): Presence {
  const parts = (client as Extended)[CLIENT_PARTS];
  if (parts === undefined) {
    throw new ChatError("invalid_argument", "Give a client of createChatClient, of the same version.");
  }
  return (parts.presence ??= createPresence(client, parts, options));
}

function createPresence(client: ChatClient, parts: ClientParts, options: PresenceOptions): Presence {
  const { runtime, ask, report } = parts;
  const { clock } = runtime;
  const { idleAfter = IDLE_AFTER, contacts = true } = options;
  const topic = parts.notifier.topic();
  /** How often each is wanted. */
  const wanted = new Map<string, number>();
  /** Of whom this connection was asked. */
  const asked = new Set<string>();
  const known = new Map<string, UserStatus>();
  let invisible: boolean | undefined;
  let online = false;
  let due = false;
  let direct: readonly string[] = [];
  let asking = Promise.resolve();
  // All tabs are one connection: whom one of them lets go of another may want still.
  const tabs = tabChannel("presence", client.userId);
  if (tabs)
    tabs.onmessage = ({ data }: { readonly data: readonly string[] }) => {
      for (const id of data) asked.delete(id);
      look();
    };

  let usedAt = clock.monotonic();
  let toldIdle = false;
  let cancelIdle: Cancel = () => {};

  function take(presence: UserPresence): void {
    const { userId, status, lastActiveAt } = presence;
    if (userId === client.userId) invisible = presence.invisible === true;
    if (wanted.has(userId)) {
      const last = lastActiveAt === undefined ? {} : { lastActiveAt: new Date(lastActiveAt) };
      known.set(userId, Object.freeze({ userId, status, ...last }));
    }
    topic.changed();
  }

  /** Asks, once everybody who wants somebody in this turn has said so. */
  function look(): void {
    if (due || !online) return;
    due = true;
    void Promise.resolve().then(() => {
      due = false;
      const userIds = [...wanted.keys()].filter((id) => !asked.has(id)).slice(0, LIMITS.presencesPerRequest);
      const forget = [...asked].filter((id) => !wanted.has(id)).slice(0, LIMITS.presencesPerRequest);
      if (!online || userIds.length + forget.length === 0) return undefined;
      for (const id of userIds) asked.add(id);
      for (const id of forget) {
        asked.delete(id);
        known.delete(id);
      }
      look();
      // In order: what is forgotten must not be so behind what wants it again.
      asking = asking.then(() => askFor(userIds, forget));
      return undefined;
    });
  }

  async function askFor(userIds: readonly string[], forget: readonly string[]): Promise<void> {
    try {
      const { presences } = await ask({ type: "watch-presence", userIds, forget }, { mode: "session" });
      presences.forEach(take);
    } catch (error) {
      // Too many, say: once others are let go of they are asked for again.
      for (const id of userIds) asked.delete(id);
      failed(error);
    }
    // Nothing else has the others look again: two that were refused would make each other ask for ever.
    if (online && forget.length > 0) tabs?.postMessage(forget);
  }

  /** With the next connection everything is said again. */
  function failed(error: unknown): void {
    if (!isChatError(error) || !["disconnected", "closed"].includes(error.code)) report(error);
  }

  function want(userIds: readonly string[]): Unsubscribe {
    const ids = [...new Set(userIds)].filter((id) => isId(id));
    for (const id of ids) wanted.set(id, (wanted.get(id) ?? 0) + 1);
    look();
    let over = false;
    return () => {
      if (over) return;
      over = true;
      for (const id of ids) {
        const left = wanted.get(id)! - 1;
        if (left > 0) wanted.set(id, left);
        else wanted.delete(id);
      }
      look();
    };
  }

  let unwatchDirect: Unsubscribe = () => {};
  function watchDirect(): void {
    const peers = client.conversations.items
      .flatMap(({ summary }) => summary.peerId ?? [])
      .slice(0, CONTACTS);
    if (peers.join("\n") === direct.join("\n")) return;
    direct = peers;
    // First the new, so that nobody is asked for anew.
    const before = unwatchDirect;
    unwatchDirect = want(peers);
    before();
  }

  function tellIdle(): void {
    if (!online) return;
    const idle = toldIdle ? Math.max(1, Math.round(clock.monotonic() - usedAt)) : 0;
    ask({ type: "set-presence", idle }, { mode: "session" }).then(
      ({ presences }) => presences.forEach(take),
      failed,
    );
  }

  function waitForIdle(): void {
    cancelIdle();
    const left = usedAt + idleAfter - clock.monotonic();
    cancelIdle = clock.schedule(Math.max(left, 1), () => {
      if (clock.monotonic() - usedAt < idleAfter) return waitForIdle();
      toldIdle = true;
      tellIdle();
    });
  }

  function used(): void {
    usedAt = clock.monotonic();
    if (!toldIdle) return;
    toldIdle = false;
    waitForIdle();
    tellIdle();
  }

  const activity = options.activity === undefined ? pageActivity(client.userId) : options.activity;
  const unsubscribeActivity = activity?.subscribe(used);
  if (activity) waitForIdle();

  function connectionChanged(): void {
    const { connection } = client.status;
    const isOnline = connection === "online";
    if (isOnline !== online) {
      online = isOnline;
      asked.clear();
      known.clear();
      topic.changed();
      if (online) {
        look();
        if (toldIdle) tellIdle();
      }
    }
    if (connection !== "closed") return;
    for (const end of [unsubscribeStatus, unsubscribeList, unwatchOwn, unwatchDirect, cancelIdle]) end();
    unsubscribeActivity?.();
    tabs?.close();
    delete parts.pushed;
  }

  parts.pushed = ({ presence }) => take(presence);
  const unwatchOwn = want([client.userId]);
  const unsubscribeStatus = client.subscribe(connectionChanged);
  const unsubscribeList = contacts ? client.conversations.subscribe(watchDirect) : () => {};
  if (contacts) watchDirect();
  connectionChanged();

  return {
    // Of whom nobody wants any more, something is known until that is said: perhaps another one wants it in the same turn.
    get: (userId) => (wanted.has(userId) ? known.get(userId) : undefined),
    watch(userIds, listener) {
      const ends = [want(userIds), ...(listener ? [topic.subscribe(listener)] : [])];
      return () => ends.forEach((end) => end());
    },
    subscribe: topic.subscribe,
    get invisible() {
      return invisible;
    },
    async setInvisible(value, { signal }: RequestOptions = {}) {
      const { presences } = await ask({ type: "set-presence", invisible: value }, { signal });
      presences.forEach(take);
    },
  };
}
