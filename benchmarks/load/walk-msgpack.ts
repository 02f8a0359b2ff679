/** Steps over msgpack without building anything: what most of the load's members do with what they receive. */
export class MsgpackWalk {
  at = 0;
  #buffer: Buffer = Buffer.alloc(0);

  begin(buffer: Buffer, at: number): void {
    this.#buffer = buffer;
    this.at = at;
  }

  /** The length of the array that begins here. */
  array(): number {
    const head = this.#buffer[this.at++]!;
    if (head >= 0x90 && head <= 0x9f) return head & 0x0f;
    if (head !== 0xdc) throw new Error(`no array: ${head}`);
    this.at += 2;
    return this.#buffer.readUInt16BE(this.at - 2);
  }

  /** The integer here; undefined if it is nil. */
  integer(): number | undefined {
    const head = this.#buffer[this.at++]!;
    if (head <= 0x7f) return head;
    if (head >= 0xe0) return head - 0x100;
    const from = this.at;
    switch (head) {
      case 0xc0:
        return undefined;
      case 0xcc:
        this.at += 1;
        return this.#buffer[from]!;
      case 0xcd:
        this.at += 2;
        return this.#buffer.readUInt16BE(from);
      case 0xce:
        this.at += 4;
        return this.#buffer.readUInt32BE(from);
      case 0xcf:
        this.at += 8;
        return Number(this.#buffer.readBigUInt64BE(from));
      default:
        throw new Error(`no integer: ${head}`);
    }
  }

  /** Steps over `count` values. */
  skip(count: number): void {
    for (let left = count; left > 0; left--) {
      const head = this.#buffer[this.at++]!;
      if (head <= 0x7f || head >= 0xe0) continue;
      if (head <= 0x8f) left += (head & 0x0f) * 2;
      else if (head <= 0x9f) left += head & 0x0f;
      else if (head <= 0xbf) this.at += head & 0x1f;
      else if (head === 0xdc || head === 0xde) {
        this.at += 2;
        left += this.#buffer.readUInt16BE(this.at - 2) * (head === 0xde ? 2 : 1);
      } else this.#skipSized(head);
    }
  }

  #skipSized(head: number): void {
    const from = this.at;
    if (head === 0xc4 || head === 0xd9) this.at += 1 + this.#buffer[from]!;
    else if (head === 0xc5 || head === 0xda) this.at += 2 + this.#buffer.readUInt16BE(from);
    else if (head === 0xcc || head === 0xd0) this.at += 1;
    else if (head === 0xcd || head === 0xd1) this.at += 2;
    else if (head === 0xce || head === 0xd2 || head === 0xca) this.at += 4;
    else if (head === 0xcf || head === 0xd3 || head === 0xcb) this.at += 8;
  }
}
