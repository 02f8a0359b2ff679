import {
  ChatError,
  type ClientFrame,
  CLOSE_CODES,
  createServerCodec,
  ENTRY_KINDS,
  type HelloFrame,
  isChatError,
  type JsonObject,
  LIMITS,
  newUuid,
  PROTOCOL_MINOR,
  type Runtime,
  type ServerFrame,
  type UserProfile,
} from "@chat/protocol";
import { createFrameWriter } from "../connection/frame-writer.js";
import type { Connect, Socket } from "../connection/socket.js";
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

/** A device's connection, as the server has it. */
export interface FakeSession {
  readonly userId: string;
  readonly deviceId: string;
  /** Sends bytes as they are. */
  sendRaw(bytes: Uint8Array): void;
  send(frame: ServerFrame): void;
  close(code: number): void;
}

/** How a fake server misbehaves. All may be set and changed at any time. */
export interface FakeFaults {
  /**
   * What becomes of a frame to a device: deliveries, each after a delay in ms. `[]` loses it, two double it, a delay
   * lets later ones overtake. By default each comes once, at once.
   */
  outgoing?: ((frame: ServerFrame, session: FakeSession) => readonly number[]) | undefined;
  /** Refuses a frame of a device with an error; for `lost` nothing is done and nothing answered. */
  incoming?: ((frame: ClientFrame, session: FakeSession) => ChatError | "lost" | undefined) | undefined;
  /** Refuses a hello. */
  hello?: ((frame: HelloFrame) => ChatError | undefined) | undefined;
  /** True while no socket can be opened. */
  unreachable?: boolean | undefined;
}

/** What a fake server is made of. */
export interface FakeServerOptions {
  readonly runtime: Runtime;
  /** ms that a frame travels; 1 by default. */
  readonly latency?: number;
  /** ms between two pings; 25,000 by default. */
  readonly heartbeatInterval?: number;
  /** Code points of one message; 4,096 by default. */
  readonly textCharacters?: number;
}

/** A server in memory that speaks the protocol over in-memory sockets, through the real codec: for tests of applications and of the client. */
export interface FakeServer {
  /** For `createChatClient({ connect })`. Every token is good; the hello's userId says who it is. */
  readonly connect: Connect;
  readonly faults: FakeFaults;
  /** WebSocket messages that came from devices. */
  readonly received: { readonly frames: readonly ClientFrame[] }[];
  /** Makes a group; the first member is its owner. */
  createGroup(members: readonly string[], id?: string, name?: string): string;
  /** Stores a message of somebody and delivers it. */
  post(
    conversationId: string,
    senderId: string,
    text: string,
    more?: { kind?: string; data?: JsonObject },
  ): FakeEntry;
  addMembers(conversationId: string, byUserId: string, members: readonly string[]): void;
  removeMembers(conversationId: string, byUserId: string, members: readonly string[]): void;
  /** The log of a conversation. */
  log(conversationId: string): readonly FakeEntry[];
  readonly sessions: readonly FakeSession[];
  /** Closes the sockets of a user, or of everybody. */
  cut(userId?: string, code?: number): void;
  /** Says that it is going away. */
  goAway(reconnectDelay: number): void;
  /** A copy of all that is stored. */
  backup(): FakeState;
  /** Restores a copy: what was stored since is lost, and cursors from then are no longer good. Closes all sockets. */
  restore(backup: FakeState): void;
  /** Begins another history, empty or that of a copy. Closes all sockets. */
  changeEpoch(backup?: FakeState): void;
}

interface Session extends FakeSession {
  readonly blocked: Set<string>;
  readonly moved: Set<string>;
  readonly watched: Set<string>;
}

/** Creates a {@link FakeServer}. */
export function fakeServer(options: FakeServerOptions): FakeServer {
  const {
    runtime,
    latency = 1,
    heartbeatInterval = 25_000,
    textCharacters = LIMITS.textCharacters,
  } = options;
  const { clock, random } = runtime;
  const codec = createServerCodec();
  const faults: FakeFaults = {};
  const received: { frames: ClientFrame[] }[] = [];
  const sessions = new Set<Session>();
  const users = new Map<string, UserProfile>();
  let epoch = newUuid(random);
  let state: FakeState = emptyState();

  function emptyState(): FakeState {
    return { conversations: new Map(), change: 0, boots: [{ id: newUuid(random), from: 0 }] };
  }

  const cursorNow = (): string => cursorOf(state);

  function conversationOf(id: string): FakeConversation {
    const conversation = state.conversations.get(id);
    if (!conversation) throw new ChatError("not_found", "No such conversation.");
    return conversation;
  }

  function append(conversation: FakeConversation, draft: Parameters<typeof appendEntry>[2]): FakeEntry {
    const entry = appendEntry(state, conversation, draft, clock.now());
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

  function create(frame: {
    conversationId: string;
    conversationType: "direct" | "group";
    creatorId: string;
    deviceId: string;
    clientMessageId: string;
    members: readonly string[];
    name?: string;
    data?: JsonObject;
  }): FakeConversation {
    const { conversationId: id, conversationType: type, creatorId, members, name, data } = frame;
    const named = [...new Set([creatorId, ...members])];
    const pair = [...state.conversations.values()].find(
      (other) =>
        other.type === "direct" && type === "direct" && named.every((userId) => other.members.has(userId)),
    );
    const there = pair ?? state.conversations.get(id);
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
      ...(name !== undefined && { name }),
      ...(data !== undefined && { data }),
    };
    state.conversations.set(id, conversation);
    const { deviceId, clientMessageId } = frame;
    const kind = ENTRY_KINDS.created;
    append(conversation, { senderId: creatorId, deviceId, clientMessageId, kind, data: { members: named } });
    return conversation;
  }

  function changeMembers(
    conversation: FakeConversation,
    kind: "members-added" | "members-removed",
    by: { senderId: string; deviceId: string; clientMessageId: string },
    members: readonly string[],
  ): void {
    if (!isMember(conversation, by.senderId)) throw new ChatError("forbidden", "Members only.");
    const named = members.filter((userId) => isMember(conversation, userId) === (kind === "members-removed"));
    if (named.length > 0) append(conversation, { ...by, kind, data: { members: named } });
  }

  function store(session: Session, frame: Extract<ClientFrame, { type: "send-message" }>): ServerFrame {
    const { requestId, conversationId, clientMessageId, text, kind, data, replyTo, first } = frame;
    if (first) session.blocked.delete(conversationId);
    if (session.blocked.has(conversationId)) throw new ChatError("out_of_order", "One before it failed.");
    const conversation = conversationOf(conversationId);
    let stored = conversation.log.find(
      (entry) => entry.clientMessageId === clientMessageId && entry.deviceId === session.deviceId,
    );
    if (!stored) {
      if (!isMember(conversation, session.userId)) throw new ChatError("forbidden", "Members only.");
      stored = append(conversation, {
        senderId: session.userId,
        deviceId: session.deviceId,
        clientMessageId,
        ...(text !== undefined && { text }),
        ...(kind !== undefined && { kind }),
        ...(data !== undefined && { data }),
        ...(replyTo !== undefined && { replyTo }),
      });
    }
    const { messageId, createdAt, ordinal, fingerprint } = stored;
    return { type: "message-stored", requestId, messageId, createdAt, ordinal, fingerprint };
  }

  function answer(session: Session, frame: ClientFrame): ServerFrame {
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
      case "send-message":
        return store(session, frame);
      case "get-range":
        return {
          type: "range",
          requestId,
          ...readRange(state.conversations.get(frame.conversationId), session, frame),
        };
      case "list-conversations": {
        const rows = [...state.conversations.values()]
          .filter((conversation) => isMember(conversation, userId))
          .sort((a, b) => b.activity - a.activity)
          .filter(({ activity }) => frame.page === undefined || activity < Number(frame.page))
          .map((conversation) => rowOf(conversation, userId));
        const page = rows.slice(0, frame.limit);
        const next = page.length < rows.length ? { next: String(page.at(-1)!.activity) } : {};
        return { type: "conversations", requestId, rows: page, cursor: cursorNow(), ...next };
      }
      case "list-changes": {
        const since = changeOf(state, frame.cursor);
        const changed = [...state.conversations.values()]
          .flatMap((conversation) => {
            const membership = conversation.members.get(userId);
            if (!membership) return [];
            const change = isMember(conversation, userId) ? conversation.change : membership.change;
            return change > since ? { conversation, change } : [];
          })
          .sort((a, b) => a.change - b.change);
        const page = changed.slice(0, frame.limit);
        const more = page.length < changed.length;
        return {
          type: "changes",
          requestId,
          rows: page.map(({ conversation }) => rowOf(conversation, userId)),
          cursor: more ? cursorOf({ ...state, change: page.at(-1)!.change }) : cursorNow(),
          more,
        };
      }
      case "create-conversation": {
        const conversation = create({ ...frame, creatorId: userId, deviceId: session.deviceId });
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
      case "list-members": {
        const { members } = conversationOf(frame.conversationId);
        const rows = [...members]
          .filter(([, { intervals }]) => intervals.at(-1)!.to === undefined)
          .map(([userId, { role, intervals }]) => ({ userId, role, joinedAt: intervals.at(-1)!.from }))
          .filter(({ userId }) => frame.page === undefined || userId > frame.page)
          .sort((a, b) => (a.userId < b.userId ? -1 : 1));
        const page = rows.slice(0, frame.limit);
        const next = page.length < rows.length ? { next: page.at(-1)!.userId } : {};
        return { type: "members", requestId, members: page, ...next };
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

  function handle(session: Session, frame: ClientFrame): void {
    const { requestId } = frame;
    try {
      const fault = faults.incoming?.(frame, session);
      if (fault === "lost") return;
      if (fault) throw fault;
      session.send(answer(session, frame));
    } catch (error) {
      const { code, message, retryable, retryAfter } = isChatError(error)
        ? error
        : new ChatError("internal", String(error));
      if (frame.type === "send-message" && retryable) session.blocked.add(frame.conversationId);
      const more = retryAfter === undefined ? {} : { retryAfter };
      session.send({ type: "error", requestId, code, message, retryable, ...more });
    }
  }

  const connect: Connect = (_url, protocols) => {
    let open = false;
    let session: Session | undefined;
    const socket: Socket = {
      binaryType: "",
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (bytes) => void clock.schedule(latency, () => open && receive(bytes.slice())),
      close: (code = 1005) => end(code),
    };

    function end(code: number): void {
      if (session) sessions.delete(session);
      open = false;
      clock.schedule(0, () => {
        socket.onclose?.({ code });
        socket.onclose = null;
      });
    }

    /** Frames that leave at the same moment travel together, in as few messages as the limits allow. */
    let leaving: Uint8Array[] = [];
    function deliver(bytes: Uint8Array): void {
      if (leaving.push(bytes) > 1) return;
      clock.schedule(latency, () => {
        const write = createFrameWriter((message) => {
          if (open) socket.onmessage?.({ data: message.slice().buffer });
        });
        for (const frame of leaving) write(frame);
        leaving = [];
      });
    }

    function newSession(hello: HelloFrame): Session {
      const self: Session = {
        userId: hello.userId!,
        deviceId: hello.deviceId,
        blocked: new Set(),
        moved: new Set(),
        watched: new Set(),
        sendRaw: deliver,
        send(frame) {
          const bytes = codec.encode(frame);
          for (const delay of faults.outgoing?.(frame, self) ?? [0]) {
            if (delay === 0) deliver(bytes);
            else clock.schedule(delay, () => open && deliver(bytes));
          }
        },
        close: (code) => end(code),
      };
      return self;
    }

    function welcome(hello: HelloFrame): void {
      const { requestId } = hello;
      const refusal = faults.hello?.(hello);
      const created = newSession(hello);
      if (refusal) {
        const { code, message, retryable } = refusal;
        created.send({ type: "error", requestId, code, message, retryable });
        clock.schedule(latency + 1, () => {
          end(code === "unauthenticated" ? CLOSE_CODES.unauthenticated.code : CLOSE_CODES.goingAway.code);
        });
        return;
      }
      session = created;
      sessions.add(created);
      created.send({
        type: "welcome",
        requestId,
        minor: PROTOCOL_MINOR,
        capabilities: [],
        userId: created.userId,
        epoch,
        heartbeatInterval,
        serverTime: clock.now(),
        textCharacters,
      });
    }

    function receive(bytes: Uint8Array): void {
      const frames = codec.decode(bytes).filter((frame): frame is ClientFrame => {
        if (frame.type === "invalid") throw frame.error;
        return frame.type !== "unknown";
      });
      received.push({ frames });
      for (const frame of frames) {
        if (!session && frame.type === "hello") welcome(frame);
        else if (session) handle(session, frame);
      }
    }

    clock.schedule(latency, () => {
      if (faults.unreachable || !protocols.includes("chat.v1")) return end(1006);
      open = true;
      socket.onopen?.();
    });
    return socket;
  };

  /** Somebody who has no device here. */
  const nobody = (senderId: string) => ({
    senderId,
    deviceId: newUuid(random),
    clientMessageId: newUuid(random),
  });

  function cut(userId?: string, code: number = CLOSE_CODES.internal.code): void {
    for (const session of [...sessions])
      if (userId === undefined || session.userId === userId) session.close(code);
  }

  return {
    connect,
    faults,
    received,
    createGroup([creatorId, ...members], id = newUuid(random), name) {
      const { deviceId, clientMessageId } = nobody("");
      const more = name === undefined ? {} : { name };
      const group = {
        conversationId: id,
        conversationType: "group" as const,
        creatorId: creatorId!,
        members,
      };
      return create({ ...group, deviceId, clientMessageId, ...more }).id;
    },
    post: (id, senderId, text, more) => append(conversationOf(id), { ...nobody(senderId), text, ...more }),
    addMembers: (id, byUserId, members) =>
      changeMembers(conversationOf(id), ENTRY_KINDS.membersAdded, nobody(byUserId), members),
    removeMembers: (id, byUserId, members) =>
      changeMembers(conversationOf(id), ENTRY_KINDS.membersRemoved, nobody(byUserId), members),
    log: (id) => conversationOf(id).log,
    get sessions() {
      return [...sessions];
    },
    cut,
    goAway(reconnectDelay) {
      for (const session of sessions) session.send({ type: "going-away", reconnectDelay });
    },
    backup: () => structuredClone(state),
    restore(backup) {
      state = structuredClone(backup);
      state.boots.push({ id: newUuid(random), from: state.change });
      cut();
    },
    changeEpoch(backup) {
      state = backup ? structuredClone(backup) : emptyState();
      state.boots = [{ id: newUuid(random), from: state.change }];
      epoch = newUuid(random);
      users.clear();
      cut();
    },
  };
}
