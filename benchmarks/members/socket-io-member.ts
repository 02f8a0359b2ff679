import { RawSocket } from "../load/raw-socket.js";
import { isTextOf } from "../load/text-of.js";
import type { Rooms } from "../subjects/subject.js";
import { RawMember, type ReadRuns } from "./raw-member.js";

const MESSAGE = '42["message",{"id":';
const ROOM = ',"room":"';
const ZERO = 0x30;

/** The few packets of engine.io 4 and socket.io 5 that a chat needs; lighter on the load than socket.io's own client. */
export class SocketIoMember extends RawMember {
  protected override readonly numbersByRoom: boolean;
  readonly #rooms: Rooms;
  #onConnect: () => void = () => {};

  private constructor(socket: RawSocket, rooms: Rooms, runs: ReadRuns, verifies: boolean) {
    super(socket, runs, verifies);
    this.#rooms = rooms;
    // The table numbers the messages of all rooms.
    this.numbersByRoom = rooms.ids.length === 1;
  }

  static async join(
    port: number,
    user: { readonly userId: string; readonly rooms: readonly string[] },
    rooms: Rooms,
    runs: ReadRuns,
    verifies: boolean,
  ): Promise<SocketIoMember> {
    const socket = await RawSocket.open(port, "/socket.io/?EIO=4&transport=websocket");
    const member = new SocketIoMember(socket, rooms, runs, verifies);
    const connected = new Promise<void>((resolve) => (member.#onConnect = resolve));
    socket.send(`40${JSON.stringify({ token: user.userId, rooms: user.rooms })}`);
    await connected;
    return member;
  }

  protected write(requestId: number, room: number, text: string): string {
    return `42${requestId}${JSON.stringify(["send", this.#rooms.ids[room], text])}`;
  }

  protected take(buffer: Buffer, from: number, to: number): void {
    if (this.takeKnown(buffer, from, to) === to) return;
    const [engine, type] = [buffer[from]! - ZERO, buffer[from + 1]! - ZERO];
    if (engine === 2) this.socket.send("3");
    else if (engine !== 4) return;
    else if (type === 0) this.#onConnect();
    else if (type === 3)
      this.acknowledged(Number.parseInt(buffer.toString("latin1", from + 2, from + 12), 10));
    else if (type === 2) this.#takeMessage(buffer, from, to);
    else throw new Error(buffer.toString("utf8", from, to));
  }

  #takeMessage(buffer: Buffer, from: number, to: number): void {
    let at = from + MESSAGE.length;
    let id = 0;
    for (let digit = buffer[at]! - ZERO; digit >= 0 && digit <= 9; digit = buffer[++at]! - ZERO)
      id = id * 10 + digit;
    at += ROOM.length;
    const room = this.#rooms.byId.get(buffer.toString("latin1", at, at + 36))!;
    if (this.verifies) {
      const [, message] = JSON.parse(buffer.toString("utf8", from + 2, to)) as [
        string,
        { id: number; text: string },
      ];
      if (message.id !== id || !isTextOf(message.text)) this.inOrder = false;
    }
    this.takeRead(buffer.subarray(from, to), room, this.numbersByRoom ? id - 1 : undefined, id);
  }
}
