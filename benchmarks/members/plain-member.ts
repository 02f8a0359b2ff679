import { decodeMulti, encode } from "@msgpack/msgpack";
import { RawSocket } from "../load/raw-socket.js";
import { isTextOf } from "../load/text-of.js";
import { MsgpackWalk } from "../load/walk-msgpack.js";
import { RawMember, type ReadRuns } from "./raw-member.js";

const walk = new MsgpackWalk();

/** Frames of the prototype and of the bare `ws` server: `[96, after, through]` and the entries behind it, `[67, requestId, id]`. One room. */
export class PlainMember extends RawMember {
  protected override readonly numbersByRoom = true;

  static async join(port: number, runs: ReadRuns, verifies: boolean): Promise<PlainMember> {
    return new PlainMember(await RawSocket.open(port, "/"), runs, verifies);
  }

  protected write(requestId: number, _room: number, text: string): Uint8Array {
    return encode([1, requestId, text]);
  }

  protected take(buffer: Buffer, from: number, to: number): void {
    for (let at = from; at < to;) {
      const end = this.takeKnown(buffer, at, to);
      at = end === -1 ? this.#takeFrame(buffer, at) : end;
    }
  }

  #takeFrame(buffer: Buffer, from: number): number {
    walk.begin(buffer, from);
    const fields = walk.array();
    if (walk.integer() === 67) {
      const requestId = walk.integer()!;
      walk.skip(fields - 2);
      this.acknowledged(requestId);
      return walk.at;
    }
    const after = walk.integer()!;
    const through = walk.integer()!;
    walk.skip(through - after);
    const bytes = buffer.subarray(from, walk.at);
    if (this.verifies) {
      const [, ...entries] = [...decodeMulti(bytes)] as [number, number, number, string][];
      const good = ([id, , , text]: (typeof entries)[number], index: number): boolean =>
        id === after + 1 + index && isTextOf(text);
      if (!entries.every(good)) this.inOrder = false;
    }
    this.takeRead(bytes, 0, after, through);
    return walk.at;
  }
}
