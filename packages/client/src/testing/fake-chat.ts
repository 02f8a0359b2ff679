import {
  ChatError,
  type ClientFrame,
  DEFAULT_PRIVACY,
  ENTRY_KINDS,
  type HistoryVisibility,
  isSendableKind,
  type JsonObject,
  kindOf,
  newUuid,
  type OwnReceipt,
  type Runtime,
  type ServerFrame,
  type UserPrivacy,
  type UserProfile,
} from "@chat/protocol";
import { createFakePresence, type FakePresence } from "./fake-presence.js";
import {
  appendEntry,
  changeOf,
  cursorOf,
  entryFor,
  type FakeConversation,
  type FakeEntry,
  type FakeState,
  isMember,
  maySee,
  namedIn,
  readRange,
  rowOf,
  visibleHead,
} from "./fake-store.js";

/** What the fake chat needs to know of a connection. */
export interface FakeRecipient {
  readonly userId: string;
  readonly deviceId: string;
  /** Conversations whose sends are refused until one says `first`. */
  readonly blocked: Set<string>;
  /** Conversations that moved since the last pong. */
  readonly moved: Set<string>;
  /** Users of whose profiles it is told. */
  readonly watched: Set<string>;
  send(frame: ServerFrame): void;
}

/** Who does something, under which idempotency key. */
interface FakeActor {
  readonly senderId: string;
  readonly deviceId: string;
  readonly clientMessageId: string;
}

/** What a server does: answers requests out of its state, and pushes to those who are connected. */
export interface FakeChat {
  state: FakeState;
  readonly users: Map<string, UserProfile>;
  readonly presence: FakePresence;
  /** What users tell others, of those who have set it. */
  readonly privacies: ReadonlyMap<string, UserPrivacy>;
  /** @throws ChatError `not_found` */
  conversationOf(id: string): FakeConversation;
  append(conversation: FakeConversation, draft: Parameters<typeof appendEntry>[2]): FakeEntry;
  create(
    by: FakeActor,
    conversation: {
      readonly conversationId: string;
      readonly conversationType: "direct" | "group";
      readonly members: readonly string[];
      readonly name?: string;
      readonly data?: JsonObject;
      readonly historyVisibility?: HistoryVisibility;
    },
  ): FakeConversation;
  changeMembers(
    conversation: FakeConversation,
    kind: "members-added" | "members-removed",
    by: FakeActor,
    members: readonly string[],
  ): void;
  /** @throws ChatError */
  answer(session: FakeRecipient, frame: ClientFrame): ServerFrame | undefined;
}

function isMessage({ kind }: FakeEntry): boolean {
  return isSendableKind(kindOf({ ...(kind !== undefined && { kind }) }));
}

/** A state in which nothing has happened yet. */
export function emptyState({ random }: Pick<Runtime, "random">): FakeState {
  return { conversations: new Map(), change: 0, boots: [{ id: newUuid(random), from: 0 }] };
}

/** @param sessions those who are connected; the set lives */
export function createFakeChat(runtime: Runtime, sessions: ReadonlySet<FakeRecipient>): FakeChat {
  const { clock } = runtime;
  const users = new Map<string, UserProfile>();
  const presence = createFakePresence(runtime, sessions);
  /** How devices are subscribed to pushes. */
  const pushes = new Map<string, string | undefined>();

  const cursorNow = (): string => cursorOf(chat.state);

  const privacies = new Map<string, UserPrivacy>();
  /** Of two of whom one has blocked the other none writes to the other. */
  function refuseBlocked(conversationId: string, userId: string): void {
    const { type, members } = conversationOf(conversationId);
    const [other] = [...members.keys()].filter((member) => member !== userId);
    if (type !== "direct" || other === undefined) return;
    if (privacyOf(userId).blocked.includes(other))
      throw new ChatError("unblock_first", "Unblock them first.");
    if (privacyOf(other).blocked.includes(userId)) throw new ChatError("blocked", "They take no messages.");
  }

  const privacyOf = (userId: string): UserPrivacy => privacies.get(userId) ?? DEFAULT_PRIVACY;

  function conversationOf(id: string): FakeConversation {
    const conversation = chat.state.conversations.get(id);
    if (!conversation) throw new ChatError("not_found", "No such conversation.");
    return conversation;
  }

  function append(conversation: FakeConversation, draft: Parameters<typeof appendEntry>[2]): FakeEntry {
    const entry = appendEntry(chat.state, conversation, draft, clock.now());
    const moved = entry.kind === undefined ? [] : namedIn(entry);
    for (const session of sessions) {
      const { userId } = session;
      if (moved.includes(userId)) {
        session.send({ type: "conversation-changed", row: rowOf(conversation, userId) });
      }
      if (!isMember(conversation, userId) || !maySee(conversation, userId, entry.messageId)) continue;
      session.moved.add(conversation.id);
      session.send({
        type: "entries",
        conversationId: conversation.id,
        after: entry.messageId - 1,
        through: entry.messageId,
        entries: [entryFor(entry, session)],
      });
    }
    return entry;
  }

  type Step = Extract<ClientFrame, { type: "send-receipts" }>["receipts"][number];

  function refusalOf({ conversationId, delivered = 0, read = 0 }: Step, userId: string): string | undefined {
    const conversation = chat.state.conversations.get(conversationId);
    if (!conversation?.members.has(userId)) return "not_found";
    if (!isMember(conversation, userId)) return "forbidden";
    return Math.max(delivered, read) > conversation.log.length ? "diverged" : undefined;
  }

  /** Moves a user's receipt on, and tells everybody. */
  function advance({ conversationId, delivered = 0, read = 0, mark }: Step, userId: string): OwnReceipt {
    const conversation = conversationOf(conversationId);
    const { log, members } = conversation;
    const member = members.get(userId)!;
    const before = member.receipt;
    const reached = Math.max(read, before.read);
    const { version = 0, from } = before.unread ?? {};
    const changes = mark?.version === version && mark.from !== from;
    const own = log.filter(
      (entry) => entry.senderId === userId && entry.messageId >= (mark?.from ?? Infinity),
    );
    const ordinal = mark?.from && (log[mark.from - 2]?.ordinal ?? 0) + own.filter(isMessage).length;
    const unread = changes
      ? { version: version + 1, ...(mark.from && { from: mark.from, ordinal: ordinal! }) }
      : before.unread;
    member.receipt = {
      delivered: Math.max(delivered, reached, before.delivered),
      read: reached,
      readOrdinal: log[reached - 1]?.ordinal ?? 0,
      ...(unread && { unread }),
      ...(before.mute && { mute: before.mute }),
      ...(before.privacy && { privacy: before.privacy }),
    };
    if (reached > before.read) {
      const tells = before.privacy?.readReceipts ?? privacyOf(userId).readReceipts;
      member.shownRead = tells ? undefined : (member.shownRead ?? before.read);
    }
    if (JSON.stringify(member.receipt) !== JSON.stringify(before)) conversation.change = ++chat.state.change;
    const receipt = { conversationId, ...member.receipt };
    for (const session of sessions) {
      if (session.userId === userId) session.send({ type: "own-receipt-changed", receipt });
      else if (isMember(conversation, session.userId)) {
        const receipts = [{ userId, delivered: receipt.delivered, read: member.shownRead ?? receipt.read }];
        session.send({ type: "receipts-changed", conversationId, receipts });
      }
    }
    return receipt;
  }

  /** Changes what is a user's own of a conversation, and tells the user's sessions. */
  function setOwn(
    conversationId: string,
    userId: string,
    change: (before: OwnReceipt) => Partial<OwnReceipt>,
  ): OwnReceipt {
    const conversation = conversationOf(conversationId);
    const member = conversation.members.get(userId);
    if (!member || !isMember(conversation, userId)) throw new ChatError("forbidden", "Members only.");
    member.receipt = { ...member.receipt, ...change({ conversationId, ...member.receipt }) };
    conversation.change = ++chat.state.change;
    const receipt = { conversationId, ...member.receipt };
    for (const session of sessions) {
      if (session.userId === userId) session.send({ type: "own-receipt-changed", receipt });
    }
    return receipt;
  }

  function create(by: FakeActor, request: Parameters<FakeChat["create"]>[1]): FakeConversation {
    const { conversationId: id, conversationType: type, members, name, data, historyVisibility } = request;
    const { senderId: creatorId } = by;
    const named = [...new Set([creatorId, ...members])];
    const pair = [...chat.state.conversations.values()].find(
      (other) =>
        other.type === "direct" && type === "direct" && named.every((userId) => other.members.has(userId)),
    );
    const there = pair ?? chat.state.conversations.get(id);
    if (there) {
      if (isMember(there, creatorId)) return there;
      throw new ChatError("conflict", "This id is taken.");
    }
    const conversation: FakeConversation = {
      id,
      type,
      createdAt: clock.now(),
      log: [],
      members: new Map(),
      change: 0,
      activity: 0,
      lastRedaction: 0,
      redactionChange: 0,
      ...(name !== undefined && { name }),
      ...(data !== undefined && { data }),
      ...(historyVisibility !== undefined && { historyVisibility }),
    };
    chat.state.conversations.set(id, conversation);
    append(conversation, { ...by, kind: ENTRY_KINDS.created, data: { members: named } });
    return conversation;
  }

  function changeMembers(
    conversation: FakeConversation,
    kind: "members-added" | "members-removed",
    by: FakeActor,
    members: readonly string[],
  ): void {
    if (!isMember(conversation, by.senderId)) throw new ChatError("forbidden", "Members only.");
    const named = members.filter((userId) => isMember(conversation, userId) === (kind === "members-removed"));
    const isOpen = kind === "members-added" && conversation.historyVisibility === "all";
    const data = { members: named, ...(isOpen && { from: 1 }) };
    if (named.length > 0) append(conversation, { ...by, kind, data });
  }

  function store(session: FakeRecipient, frame: Extract<ClientFrame, { type: "send-message" }>): ServerFrame {
    const { requestId, conversationId, clientMessageId, text, kind, data, replyTo, mentions, first } = frame;
    if (first) session.blocked.delete(conversationId);
    if (session.blocked.has(conversationId)) throw new ChatError("out_of_order", "One before it failed.");
    const conversation = conversationOf(conversationId);
    let stored = conversation.log.find(
      (entry) => entry.clientMessageId === clientMessageId && entry.deviceId === session.deviceId,
    );
    if (!stored) {
      if (!isMember(conversation, session.userId)) throw new ChatError("forbidden", "Members only.");
      if (mentions?.some((mentioned) => !isMember(conversation, mentioned)))
        throw new ChatError("mention_unknown", "Members only.");
      stored = append(conversation, {
        senderId: session.userId,
        deviceId: session.deviceId,
        clientMessageId,
        ...(text !== undefined && { text }),
        ...(kind !== undefined && { kind }),
        ...(data !== undefined && { data }),
        ...(replyTo !== undefined && { replyTo }),
        ...(mentions !== undefined && { mentions }),
      });
    }
    const { messageId, createdAt, ordinal, fingerprint, redacted } = stored;
    const answer = { type: "message-stored", requestId, messageId, createdAt, ordinal, fingerprint } as const;
    return { ...answer, ...(redacted && { redacted }) };
  }

  function answer(session: FakeRecipient, frame: ClientFrame): ServerFrame | undefined {
    const { requestId } = frame;
    const { userId } = session;
    switch (frame.type) {
      case "hello":
        throw new ChatError("hello_expected", "A connection has one hello.");
      case "ping": {
        const heads = [...session.moved].map((conversationId) => ({
          conversationId,
          head: visibleHead(conversationOf(conversationId), userId),
        }));
        session.moved.clear();
        return { type: "pong", requestId, heads, cursor: cursorNow() };
      }
      case "set-typing":
        for (const other of sessions) {
          const { conversationId, typing } = frame;
          const conversation = conversationOf(conversationId);
          if (other.userId === userId || !isMember(conversation, other.userId)) continue;
          const { privacy } = conversation.members.get(userId)?.receipt ?? {};
          if (!(privacy?.typing ?? privacyOf(userId).typing)) continue;
          other.send({ type: "typing-changed", conversationId, userId, typing });
        }
        return undefined;
      case "mute-conversation":
        return {
          type: "receipts",
          requestId,
          receipts: [
            setOwn(frame.conversationId, userId, ({ mute }) => {
              const { until, mentionsMuted } = frame;
              const muted = until && { until, ...(mentionsMuted && { mentionsMuted }) };
              return { mute: { version: (mute?.version ?? 0) + 1, ...muted } };
            }),
          ],
          refused: [],
        };
      case "set-conversation-privacy":
        return {
          type: "receipts",
          requestId,
          receipts: [
            setOwn(frame.conversationId, userId, ({ privacy = { version: 0 } }) => {
              const typing = chosen(frame.typing, privacy.typing);
              const readReceipts = chosen(frame.readReceipts, privacy.readReceipts);
              const told = {
                ...(typing !== undefined && { typing }),
                ...(readReceipts !== undefined && { readReceipts }),
              };
              return { privacy: { version: privacy.version + 1, ...told } };
            }),
          ],
          refused: [],
        };
      case "set-privacy": {
        const { typing, readReceipts, version, blocked } = privacyOf(userId);
        const { block = [], unblock = [] } = frame;
        const others = [...new Set([...blocked, ...block])].filter((other) => !unblock.includes(other));
        const privacy = {
          version: version + 1,
          typing: frame.typing ?? typing,
          readReceipts: frame.readReceipts ?? readReceipts,
          blocked: others.sort(),
        };
        privacies.set(userId, privacy);
        for (const other of sessions) {
          if (other.userId === userId) other.send({ type: "privacy-changed", privacy });
        }
        return { type: "privacy", requestId, privacy };
      }
      case "watch-presence":
        return { type: "presences", requestId, presences: presence.watch(session, frame) };
      case "set-presence":
        return { type: "presences", requestId, presences: presence.set(session, frame) };
      case "refresh-token":
        return { type: "token-refreshed", requestId };
      case "send-message":
        refuseBlocked(frame.conversationId, userId);
        return store(session, frame);
      case "get-range":
        return {
          type: "range",
          requestId,
          ...readRange(chat.state.conversations.get(frame.conversationId), session, frame),
        };
      case "list-conversations": {
        const rows = [...chat.state.conversations.values()]
          .filter((conversation) => isMember(conversation, userId))
          .sort((a, b) => b.activity - a.activity)
          .filter(({ activity }) => frame.page === undefined || activity < Number(frame.page))
          .map((conversation) => rowOf(conversation, userId));
        const page = rows.slice(0, frame.limit);
        const next = page.length < rows.length ? { next: String(page.at(-1)!.activity) } : {};
        return { type: "conversations", requestId, rows: page, cursor: cursorNow(), ...next };
      }
      case "list-changes": {
        const since = changeOf(chat.state, frame.cursor);
        const changed = [...chat.state.conversations.values()]
          .flatMap((conversation) => {
            const membership = conversation.members.get(userId);
            if (!membership) return [];
            const { change: now, redactionChange } = conversation;
            const ended = Math.max(membership.change, redactionChange);
            const change = isMember(conversation, userId) ? now : ended;
            return change > since ? { conversation, change } : [];
          })
          .sort((a, b) => a.change - b.change);
        const page = changed.slice(0, frame.limit);
        const more = page.length < changed.length;
        return {
          type: "changes",
          requestId,
          rows: page.map(({ conversation }) => rowOf(conversation, userId)),
          cursor: more ? cursorOf({ ...chat.state, change: page.at(-1)!.change }) : cursorNow(),
          more,
        };
      }
      case "create-conversation": {
        const { deviceId } = session;
        const by = { senderId: userId, deviceId, clientMessageId: frame.clientMessageId };
        const conversation = create(by, frame);
        return { type: "conversation", requestId, row: rowOf(conversation, userId) };
      }
      case "get-conversation": {
        const conversation = conversationOf(frame.conversationId);
        if (!conversation.members.has(userId)) throw new ChatError("not_found", "No such conversation.");
        return { type: "conversation", requestId, row: rowOf(conversation, userId) };
      }
      case "add-members":
      case "remove-members": {
        const conversation = conversationOf(frame.conversationId);
        const kind = frame.type === "add-members" ? ENTRY_KINDS.membersAdded : ENTRY_KINDS.membersRemoved;
        const by = { senderId: userId, deviceId: session.deviceId, clientMessageId: frame.clientMessageId };
        changeMembers(conversation, kind, by, frame.members);
        return { type: "conversation", requestId, row: rowOf(conversation, userId) };
      }
      case "update-conversation":
      case "set-role": {
        const conversation = conversationOf(frame.conversationId);
        const by = { senderId: userId, deviceId: session.deviceId, clientMessageId: frame.clientMessageId };
        if (!isMember(conversation, userId)) throw new ChatError("forbidden", "Members only.");
        if (frame.type === "set-role") {
          const roles = frame.members.map((member) => [member, frame.role]);
          append(conversation, { ...by, kind: ENTRY_KINDS.rolesChanged, data: { roles } });
        } else {
          const { type: _, requestId: __, conversationId: ___, clientMessageId: ____, ...data } = frame;
          append(conversation, { ...by, kind: ENTRY_KINDS.updated, data });
        }
        return { type: "conversation", requestId, row: rowOf(conversation, userId) };
      }
      case "redact-message": {
        const conversation = conversationOf(frame.conversationId);
        const target = conversation.log[frame.messageId - 1];
        const role = conversation.members.get(userId)?.role;
        if (!target || !isMember(conversation, userId)) throw new ChatError("not_found", "No such message.");
        if (target.senderId !== userId && role === "member") throw new ChatError("forbidden", "Not yours.");
        if (!target.redacted) {
          const { deviceId } = session;
          const by = { senderId: userId, deviceId, clientMessageId: frame.clientMessageId };
          append(conversation, { ...by, kind: ENTRY_KINDS.redacted, data: { messageId: frame.messageId } });
        }
        return { type: "conversation", requestId, row: rowOf(conversation, userId) };
      }
      case "send-receipts": {
        const refused: { conversationId: string; code: string }[] = [];
        const receipts = frame.receipts.flatMap((step) => {
          const code = refusalOf(step, userId);
          if (code) refused.push({ conversationId: step.conversationId, code });
          return code ? [] : advance(step, userId);
        });
        return { type: "receipts", requestId, receipts, refused };
      }
      case "count-receipts": {
        const { members } = conversationOf(frame.conversationId);
        const all = [...members.values()].filter(({ intervals }) => intervals.at(-1)!.to === undefined);
        const reached = (mark: "delivered" | "read"): number =>
          all.filter(({ receipt }) => receipt[mark] >= frame.messageId).length;
        const counts = { members: all.length, delivered: reached("delivered"), read: reached("read") };
        return { type: "receipt-counts", requestId, ...counts };
      }
      case "list-members": {
        const { members } = conversationOf(frame.conversationId);
        const rows = [...members]
          .filter(([, { intervals }]) => intervals.at(-1)!.to === undefined)
          .map(([userId, { role, joinedAt }]) => ({ userId, role, joinedAt }))
          .filter(({ userId }) => frame.page === undefined || userId > frame.page)
          .sort((a, b) => (a.userId < b.userId ? -1 : 1));
        const page = rows.slice(0, frame.limit);
        const next = page.length < rows.length ? { next: page.at(-1)!.userId } : {};
        return { type: "members", requestId, members: page, ...next };
      }
      case "get-push":
      case "set-push": {
        if (frame.type === "set-push") pushes.set(session.deviceId, frame.provider);
        const provider = pushes.get(session.deviceId);
        const providers = [{ name: "web-push", publicKey: "AQID" }];
        return { type: "push", requestId, providers, ...(provider !== undefined && { provider }) };
      }
      case "get-users": {
        for (const { userId } of frame.users) session.watched.add(userId);
        const profiles = frame.users.flatMap(({ userId, version }) => {
          const profile = users.get(userId) ?? { userId, version: 0 };
          return profile.version === version ? [] : profile;
        });
        return { type: "users", requestId, profiles };
      }
      case "set-profile": {
        const { type: _, requestId: __, ...wanted } = frame;
        const profile = { ...wanted, userId, version: (users.get(userId)?.version ?? 0) + 1 };
        users.set(userId, profile);
        for (const other of sessions) {
          if (other.watched.has(userId)) other.send({ type: "user-changed", profile });
        }
        return { type: "users", requestId, profiles: [profile] };
      }
    }
  }

  const chat: FakeChat = {
    state: emptyState(runtime),
    users,
    presence,
    privacies,
    conversationOf,
    append,
    create,
    changeMembers,
    answer,
  };
  return chat;
}

function chosen(
  choice: "on" | "off" | "default" | undefined,
  before: boolean | undefined,
): boolean | undefined {
  return choice === undefined ? before : choice === "default" ? undefined : choice === "on";
}
