import type { SeededRandom } from "../replay/seeded-random.js";
import type { DiskEvent } from "./parse-trace.js";

type Change = Extract<DiskEvent, { type: "write" | "truncate" }>;

/** What a disk may have done of the writes that nobody had synced: none, all, or some of them, in part and in any order. */
export type Fate = "none" | "all" | "some";

const SECTOR = 512;

/** Files as a disk has them: what was synced is there for good, the rest only perhaps. */
export class Disk {
  readonly #durable = new Map<string, Buffer>();
  readonly #pending = new Map<string, Change[]>();

  constructor(files: Readonly<Record<string, Buffer>>) {
    for (const [path, bytes] of Object.entries(files)) this.#durable.set(path, Buffer.from(bytes));
  }

  apply(event: DiskEvent): void {
    if (event.type === "promise") return;
    const { path } = event;
    if (event.type === "sync") {
      const pending = this.#pending.get(path) ?? [];
      // A sync without a write before it says nothing of a file that was not there.
      if (pending.length > 0) this.#durable.set(path, applied(this.#durable.get(path), pending));
      this.#pending.delete(path);
    } else if (event.type === "unlink") {
      this.#durable.delete(path);
      this.#pending.delete(path);
    } else {
      const pending = this.#pending.get(path);
      if (pending === undefined) this.#pending.set(path, [event]);
      else pending.push(event);
    }
  }

  /** What is found once the power is back. */
  afterCut(fate: Fate, random: SeededRandom): ReadonlyMap<string, Buffer> {
    const files = new Map(this.#durable);
    if (fate === "none") return files;
    for (const [path, pending] of this.#pending) {
      const done = fate === "all" ? pending : someOf(pending, random);
      if (done.length > 0) files.set(path, applied(files.get(path), done));
    }
    return files;
  }
}

function applied(content: Buffer | undefined, changes: readonly Change[]): Buffer {
  let bytes = content ?? Buffer.alloc(0);
  const length = changes.reduce(
    (most, change) => (change.type === "write" ? Math.max(most, change.offset + change.bytes.length) : most),
    bytes.length,
  );
  let end = bytes.length;
  bytes = Buffer.concat([bytes, Buffer.alloc(length - bytes.length)]);
  for (const change of changes) {
    if (change.type === "write") {
      change.bytes.copy(bytes, change.offset);
      end = Math.max(end, change.offset + change.bytes.length);
    } else {
      bytes.fill(0, change.length);
      end = change.length;
    }
  }
  return bytes.subarray(0, end);
}

/** Some of the changes, in another order, and of one write only some sectors. */
function someOf(pending: readonly Change[], random: SeededRandom): readonly Change[] {
  const share = random.float();
  const some = pending.filter(() => random.chance(share));
  for (let last = some.length - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    [some[last], some[other]] = [some[other]!, some[last]!];
  }
  const torn = random.integer(some.length);
  const change = some[torn];
  if (change?.type === "write") {
    const sectors = Math.ceil(change.bytes.length / SECTOR);
    some[torn] = { ...change, bytes: change.bytes.subarray(0, SECTOR * random.integer(sectors + 1)) };
  }
  return some;
}
