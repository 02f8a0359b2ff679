import { randomUUID } from "node:crypto";
import { createClientCodec, newUuid, SUBPROTOCOL, systemRuntime, type ServerFrame } from "@chat/protocol";
import { RawSocket } from "../load/raw-socket.js";
import { isTextOf } from "../load/text-of.js";
import { MsgpackWalk } from "../load/walk-msgpack.js";
import type { Rooms } from "../subjects/subject.js";
import { RawMember, type ReadRuns } from "./raw-member.js";

const codec = createClientCodec();
const walk = new MsgpackWalk();
/** Codes of the frames that come in numbers. */
const [STORED, RANGE, ENTRIES, HEAD_MOVED] = [67, 68, 96, 108];
/** From this code on frames are pushed. */
const FIRST_PUSH = 96;
/** Entries of one range. */
const PAGE = 200;
const { random } = systemRuntime();
/** Members of one request. */
const MEMBERS = 500;

type Answer = Exclude<ServerFrame, { type: "entries" | "message-stored" }>;

/** Frames of the SDK's protocol. */
export class ChatMember extends RawMember {
  protected override readonly numbersByRoom = true;
  readonly #rooms: Rooms;
  /** Requests for ranges, and pushes other than messages. */
  requests = 0;
  pushes = 0;
  #answer: (frame: Answer) => void = () => {};
  /** Of the one room of which there is news; how far that goes, and what is asked for. */
  #pulling: { readonly room: number; head: number } | undefined;
  #pulls = false;

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

  /** Says that the latest message of a room was read. */
  async read(room: number): Promise<void> {
    const messageId = this.lastId(room);
    const receipt = { conversationId: this.#rooms.ids[room]!, delivered: messageId, read: messageId };
    const answer = await this.ask(codec.encode({ type: "send-receipts", requestId: 0, receipts: [receipt] }));
    if (answer.type !== "receipts" || answer.receipts[0]?.read !== messageId) {
      throw new Error("a receipt was not taken");
    }
  }

  override beat(): void {
    this.socket.send(codec.encode({ type: "ping", requestId: 0 }));
  }

  protected write(requestId: number, room: number, text: string): Uint8Array {
    // As the SDK's client makes them.
    const clientMessageId = newUuid(random, Date.now());
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
    } else if (code === RANGE && this.#pulling !== undefined) {
      this.#takeRange(buffer, from, fields);
    } else if (code === HEAD_MOVED) {
      this.#takeNews(buffer, fields);
    } else {
      walk.skip(fields - 1);
      const [frame] = codec.decode(Uint8Array.prototype.slice.call(buffer, from, walk.at));
      if (frame!.type === "error") throw new Error(`${frame!.code}: ${frame!.message}`);
      if (frame!.type === "invalid") throw frame!.error;
      if (code! >= FIRST_PUSH) this.pushes++;
      if (frame!.type !== "conversation-changed") {
        if (code! < FIRST_PUSH && frame!.type !== "pong") this.#answer(frame as Answer);
      }
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

  /** One who has heard of news fetches it, and may then be pushed what they have. */
  protected override count(room: number, after: number, through: number): void {
    const last = this.lastId(room);
    if (!this.#pulls || last === 0 || after === last) super.count(room, after, through);
    else if (after > last) this.#hear(room, through, 0);
    else if (through > last) super.count(room, last, through);
  }

  #takeNews(buffer: Buffer, fields: number): void {
    const room = this.#rooms.byBytes.get(buffer.toString("latin1", walk.at + 2, walk.at + 18))!;
    walk.skip(1);
    const [head, spread] = [walk.integer()!, walk.integer()!];
    walk.skip(fields - 4);
    this.#pulls = true;
    this.#hear(room, head, spread);
  }

  #hear(room: number, head: number, spread: number): void {
    if (this.#pulling !== undefined) this.#pulling.head = Math.max(this.#pulling.head, head);
    else if (head > this.lastId(room)) {
      this.#pulling = { room, head };
      setTimeout(() => this.#pull(), random.float() * spread);
    }
  }

  #pull(): void {
    const { room, head } = this.#pulling!;
    const after = this.lastId(room);
    // What was pushed meanwhile is not asked for.
    if (after >= head || this.isClosed) {
      this.#pulling = undefined;
      return;
    }
    this.requests++;
    const conversationId = this.#rooms.ids[room]!;
    this.socket.send(codec.encode({ type: "get-range", requestId: 0, conversationId, after, limit: PAGE }));
  }

  #takeRange(buffer: Buffer, from: number, fields: number): void {
    walk.skip(1);
    const [after, through] = [walk.integer()!, walk.integer()!];
    walk.skip(fields - 4);
    const { room } = this.#pulling!;
    if (this.verifies) {
      const [frame] = codec.decode(Uint8Array.prototype.slice.call(buffer, from, walk.at));
      if (frame?.type !== "range" || frame.entries.length !== through - after) this.inOrder = false;
      else if (frame.entries.some(({ text }) => text !== undefined && !isTextOf(text))) this.inOrder = false;
    }
    this.count(room, after, through);
    this.#pull();
  }

  #verify(bytes: Uint8Array, after: number, through: number): void {
    const [frame] = codec.decode(bytes);
    if (frame?.type !== "entries" || frame.after !== after || frame.through !== through) this.inOrder = false;
    else if (frame.entries.length !== through - after) this.inOrder = false;
    else if (frame.entries.some(({ text }) => text !== undefined && !isTextOf(text))) this.inOrder = false;
  }
}
