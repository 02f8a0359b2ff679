import { randomUUID } from "node:crypto";
import { createClientCodec, SUBPROTOCOL, type ServerFrame } from "@chat/protocol";
import { RawSocket } from "../load/raw-socket.js";
import { isTextOf } from "../load/text-of.js";
import { MsgpackWalk } from "../load/walk-msgpack.js";
import type { Rooms } from "../subjects/subject.js";
import { RawMember, type ReadRuns } from "./raw-member.js";

const codec = createClientCodec();
const walk = new MsgpackWalk();
/** Codes of the frames that come in numbers. */
const [STORED, ENTRIES] = [67, 96];
/** Members of one request. */
const MEMBERS = 500;

type Answer = Exclude<ServerFrame, { type: "entries" | "message-stored" }>;

/** Frames of the SDK's protocol. */
export class ChatMember extends RawMember {
  protected override readonly numbersByRoom = true;
  readonly #rooms: Rooms;
  #answer: (frame: Answer) => void = () => {};

  private constructor(socket: RawSocket, rooms: Rooms, runs: ReadRuns, verifies: boolean) {
    super(socket, runs, verifies);
    this.#rooms = rooms;
  }

  static async join(
    port: number,
    userId: string,
    rooms: Rooms,
    runs: ReadRuns,
    verifies: boolean,
  ): Promise<ChatMember> {
    const member = new ChatMember(await RawSocket.open(port, "/chat", SUBPROTOCOL), rooms, runs, verifies);
    const hello = { minor: 0, capabilities: [], token: userId, deviceId: randomUUID(), agent: "bench" };
    await member.ask(codec.encode({ type: "hello", requestId: 0, ...hello }));
    return member;
  }

  /** Sends a request, and resolves with its answer. One at a time. */
  ask(request: Uint8Array): Promise<Answer> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.socket.send(request);
    });
  }

  async create(room: number, members: readonly string[]): Promise<void> {
    const conversationId = this.#rooms.ids[room]!;
    for (let at = 0; at === 0 || at < members.length; at += MEMBERS) {
      const some = members.slice(at, at + MEMBERS);
      const request = { requestId: 0, conversationId, clientMessageId: randomUUID(), members: some };
      await this.ask(
        at === 0
          ? codec.encode({ type: "create-conversation", conversationType: "group", ...request })
          : codec.encode({ type: "add-members", ...request }),
      );
    }
  }

  /** Where the change feed stands. */
  async position(): Promise<string> {
    const answer = await this.ask(codec.encode({ type: "list-conversations", requestId: 0, limit: 1 }));
    if (answer.type !== "conversations") throw new Error(`an answer of the type ${answer.type}`);
    return answer.cursor;
  }

  override beat(): void {
    this.socket.send(codec.encode({ type: "ping", requestId: 0 }));
  }

  protected write(requestId: number, room: number, text: string): Uint8Array {
    const clientMessageId = randomUUID();
    return codec.encode({
      type: "send-message",
      requestId,
      conversationId: this.#rooms.ids[room]!,
      clientMessageId,
      text,
    });
  }

  protected take(buffer: Buffer, from: number, to: number): void {
    for (let at = from; at < to;) {
      const end = this.takeKnown(buffer, at, to);
      at = end === -1 ? this.#takeFrame(buffer, at) : end;
    }
  }

  /** @returns where it ends */
  #takeFrame(buffer: Buffer, from: number): number {
    walk.begin(buffer, from);
    const fields = walk.array();
    const code = walk.integer();
    if (code === STORED) {
      const requestId = walk.integer()!;
      walk.skip(fields - 2);
      this.acknowledged(requestId);
    } else if (code === ENTRIES) {
      this.#takeEntries(buffer, from, fields);
    } else {
      walk.skip(fields - 1);
      const [frame] = codec.decode(Uint8Array.prototype.slice.call(buffer, from, walk.at));
      if (frame!.type === "error") throw new Error(`${frame!.code}: ${frame!.message}`);
      if (frame!.type === "invalid") throw frame!.error;
      if (frame!.type !== "conversation-changed") this.#answer(frame as Answer);
      // A server that finds a new member in the change feed, before it is told by another, sends the row; devices fetch the rest.
      else this.begin(this.#rooms.byId.get(frame!.row.conversationId)!, frame!.row.head);
    }
    return walk.at;
  }

  #takeEntries(buffer: Buffer, from: number, fields: number): void {
    const room = this.#rooms.byBytes.get(buffer.toString("latin1", walk.at + 2, walk.at + 18))!;
    walk.skip(1);
    let [first, last] = [0, 0];
    for (let count = walk.array(), at = 0; at < count; at++) {
      const values = walk.array();
      last += walk.integer()!;
      if (at === 0) first = last;
      walk.skip(values - 1);
    }
    const after = fields > 3 ? (walk.integer() ?? first - 1) : first - 1;
    const through = fields > 4 ? walk.integer()! : last;
    const bytes = buffer.subarray(from, walk.at);
    if (this.verifies) this.#verify(Uint8Array.prototype.slice.call(bytes), after, through);
    this.takeRead(bytes, room, after, through);
  }

  #verify(bytes: Uint8Array, after: number, through: number): void {
    const [frame] = codec.decode(bytes);
    if (frame?.type !== "entries" || frame.after !== after || frame.through !== through) this.inOrder = false;
    else if (frame.entries.length !== through - after) this.inOrder = false;
    else if (frame.entries.some(({ text }) => text !== undefined && !isTextOf(text))) this.inOrder = false;
  }
}
