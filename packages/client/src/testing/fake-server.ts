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
  SYSTEM_USER,
} from "@chat/protocol";
import { createFrameWriter } from "../connection/frame-writer.js";
import type { Transport, Socket } from "../connection/socket.js";
import { createFakeChat, emptyState, type FakeRecipient } from "./fake-chat.js";
import type { FakeEntry, FakeState } from "./fake-store.js";

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
  readonly connect: Transport;
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
  /** Takes the body of a message away. */
  redact(conversationId: string, byUserId: string, messageId: number): void;
  /** Takes the bodies of all that a user has written into a conversation away. */
  erase(conversationId: string, userId: string): void;
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

type Session = FakeSession & FakeRecipient;

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
  const chat = createFakeChat(runtime, sessions);
  const { append, changeMembers, conversationOf } = chat;
  let epoch = newUuid(random);

  function handle(session: Session, frame: ClientFrame): void {
    const { requestId } = frame;
    try {
      const fault = faults.incoming?.(frame, session);
      if (fault === "lost") return;
      if (fault) throw fault;
      const answer = chat.answer(session, frame);
      if (answer) session.send(answer);
    } catch (error) {
      const { code, message, retryable, retryAfter } = isChatError(error)
        ? error
        : new ChatError("internal", String(error));
      if (frame.type === "send-message" && retryable) session.blocked.add(frame.conversationId);
      const more = retryAfter === undefined ? {} : { retryAfter };
      session.send({ type: "error", requestId, code, message, retryable, ...more });
    }
  }

  const connect: Transport = (_url, protocols) => {
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
      if (session && sessions.delete(session)) chat.presence.changed(session.userId);
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
        receiptMembers: LIMITS.receiptMembers,
        ...(chat.privacies.has(created.userId) && { privacy: chat.privacies.get(created.userId)! }),
      });
      chat.presence.changed(created.userId);
    }

    function receive(bytes: Uint8Array): void {
      const frames: ClientFrame[] = [];
      for (const frame of codec.decode(bytes)) {
        if (frame.type !== "invalid") {
          if (frame.type !== "unknown") frames.push(frame);
          continue;
        }
        // As a real server does: the request alone has failed.
        if (!session || frame.requestId === 0) throw frame.error;
        const { code, message, retryable } = frame.error;
        session.send({ type: "error", requestId: frame.requestId, code, message, retryable });
      }
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
    createGroup([creatorId, ...members], conversationId = newUuid(random), name) {
      const group = { conversationId, conversationType: "group" as const, members };
      return chat.create(nobody(creatorId!), { ...group, ...(name !== undefined && { name }) }).id;
    },
    post: (id, senderId, text, more) => append(conversationOf(id), { ...nobody(senderId), text, ...more }),
    addMembers: (id, byUserId, members) =>
      changeMembers(conversationOf(id), ENTRY_KINDS.membersAdded, nobody(byUserId), members),
    removeMembers: (id, byUserId, members) =>
      changeMembers(conversationOf(id), ENTRY_KINDS.membersRemoved, nobody(byUserId), members),
    redact: (id, byUserId, messageId) =>
      void append(conversationOf(id), {
        ...nobody(byUserId),
        kind: ENTRY_KINDS.redacted,
        data: { messageId },
      }),
    erase: (id, userId) =>
      void append(conversationOf(id), { ...nobody(SYSTEM_USER), kind: ENTRY_KINDS.erased, data: { userId } }),
    log: (id) => conversationOf(id).log,
    get sessions() {
      return [...sessions];
    },
    cut,
    goAway(reconnectDelay) {
      for (const session of sessions) session.send({ type: "going-away", reconnectDelay });
    },
    backup: () => structuredClone(chat.state),
    restore(backup) {
      chat.state = structuredClone(backup);
      chat.state.boots.push({ id: newUuid(random), from: chat.state.change });
      cut();
    },
    changeEpoch(backup) {
      chat.state = backup ? structuredClone(backup) : emptyState(runtime);
      chat.state.boots = [{ id: newUuid(random), from: chat.state.change }];
      epoch = newUuid(random);
      chat.users.clear();
      cut();
    },
  };
}
