import { randomUUID } from "node:crypto";
import { createClientCodec, SUBPROTOCOL } from "@chat/protocol";
import { decodeMulti, encode } from "@msgpack/msgpack";
import type { WebSocket } from "ws";
import { RawMember } from "./raw-member.js";
import type { Subject } from "./subject.js";

const codec = createClientCodec();

/** Frames of the SDK's protocol. */
class ChatMember extends RawMember {
  #onWelcome: () => void = () => {};
  readonly #conversationId: string;

  constructor(socket: WebSocket, conversationId: string) {
    super(socket);
    this.#conversationId = conversationId;
  }

  static async join(port: number, userId: string, conversationId: string): Promise<ChatMember> {
    const socket = await RawMember.open(`ws://127.0.0.1:${port}/chat`, SUBPROTOCOL);
    const member = new ChatMember(socket, conversationId);
    const welcome = new Promise<void>((resolve) => (member.#onWelcome = resolve));
    const hello = { minor: 0, capabilities: [], token: userId, deviceId: randomUUID(), agent: "bench" };
    socket.send(codec.encode({ type: "hello", requestId: 0, ...hello }));
    await welcome;
    return member;
  }

  async create(members: readonly string[]): Promise<void> {
    const created = new Promise<void>((resolve) => (this.#onWelcome = resolve));
    const conversationId = this.#conversationId;
    const request = {
      conversationType: "group",
      conversationId,
      clientMessageId: randomUUID(),
      members,
    } as const;
    this.socket.send(codec.encode({ type: "create-conversation", requestId: 0, ...request }));
    await created;
  }

  protected write(requestId: number, text: string): Uint8Array {
    const conversationId = this.#conversationId;
    const clientMessageId = randomUUID();
    return codec.encode({ type: "send-message", requestId, conversationId, clientMessageId, text });
  }

  protected take(bytes: Buffer): void {
    for (const frame of codec.decode(bytes)) {
      if (frame.type === "entries") this.delivered(frame.after, frame.through);
      else if (frame.type === "message-stored") this.acknowledged(frame.requestId);
      else if (frame.type === "welcome" || frame.type === "conversation") this.#onWelcome();
      else if (frame.type === "error") throw new Error(`${frame.code}: ${frame.message}`);
    }
  }
}

/** The few packets of engine.io 4 and socket.io 5 that a chat needs; lighter on the load than socket.io's own client. */
class SocketIoMember extends RawMember {
  #onConnect: () => void = () => {};

  static async join(port: number, userId: string): Promise<SocketIoMember> {
    const socket = await RawMember.open(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
    const member = new SocketIoMember(socket);
    const connected = new Promise<void>((resolve) => (member.#onConnect = resolve));
    socket.send(`40${JSON.stringify({ token: userId })}`);
    await connected;
    return member;
  }

  protected write(requestId: number, text: string): string {
    return `42${requestId}${JSON.stringify(["send", text])}`;
  }

  protected take(bytes: Buffer): void {
    const packet = bytes.toString();
    if (packet.startsWith("42")) {
      const [, { id }] = JSON.parse(packet.slice(2)) as [string, { id: number }];
      this.delivered(id - 1, id);
    } else if (packet.startsWith("43")) this.acknowledged(Number.parseInt(packet.slice(2), 10));
    else if (packet.startsWith("40")) this.#onConnect();
    else if (packet === "2") this.socket.send("3");
  }
}

/** Frames of the prototype: `[96, after, through]` and the entries behind it, `[67, requestId, id]`. */
class LimitMember extends RawMember {
  static async join(port: number): Promise<LimitMember> {
    return new LimitMember(await RawMember.open(`ws://127.0.0.1:${port}/`));
  }

  protected write(requestId: number, text: string): Uint8Array {
    return encode([1, requestId, text]);
  }

  protected take(bytes: Buffer): void {
    for (const frame of decodeMulti(bytes) as Iterable<[number, number, number]>) {
      if (frame[0] === 96 && frame.length === 3) this.delivered(frame[1], frame[2]);
      else if (frame[0] === 67 && frame.length === 3) this.acknowledged(frame[1]);
    }
  }
}

const usersOf = (members: number): string[] => Array.from({ length: members }, (_, index) => `user-${index}`);

/** What is measured, ours first. */
export const SUBJECTS: readonly Subject[] = [
  {
    name: "chat",
    program: "chat-server.ts",
    async connect(port, members) {
      const conversationId = randomUUID();
      const users = usersOf(members);
      const room: ChatMember[] = [];
      for (const userId of users) room.push(await ChatMember.join(port, userId, conversationId));
      await room[0]!.create(users.slice(1));
      return room;
    },
  },
  {
    name: "socket.io",
    program: "socket-io-server.ts",
    async connect(port, members) {
      const room: SocketIoMember[] = [];
      for (const userId of usersOf(members)) room.push(await SocketIoMember.join(port, userId));
      return room;
    },
  },
  {
    name: "limit",
    program: "limit-server.ts",
    async connect(port, members) {
      return Promise.all(usersOf(members).map(() => LimitMember.join(port)));
    },
  },
];
