import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { SeededRandom } from "./seeded-random.js";
import { SlowLine } from "./slow-line.js";

/**
 * How a connection ends.
 * `now`: at once. `up`: the next chunk on its way to the server is torn in the middle, so most often a message that is
 * being sent. `down`: the same towards the device that last sent something, so most often its acknowledgement.
 * `silent`: nothing passes any more, in neither direction, and nobody is told; heartbeats have to find out.
 */
export type Cut = "now" | "up" | "down" | "silent";

/** A cut that waits for the next chunk. */
interface Tear {
  readonly direction: "up" | "down";
  /** How much of the chunk still passes, from 0 to 1. */
  readonly keep: number;
  /** With a reset, instead of an orderly end. */
  readonly abrupt: boolean;
  readonly done: () => void;
}

interface Link {
  readonly device: Socket;
  readonly server: Socket;
  readonly up: SlowLine;
  readonly down: SlowLine;
  tear?: Tear | undefined;
  silent?: boolean;
}

/** A TCP proxy between devices and server that cuts, delays and slows connections on demand. */
export class CuttingProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  /** For the next chunks to the server, on whichever connection they come. */
  readonly #nextUp: Tear[] = [];
  #lastSender: Link | undefined;
  /** While devices and server are parted: what lets go of all that waits. */
  readonly #waiting = new Set<() => void>();
  #parted = false;

  /** @param target the server's port; undefined while there is no server, so that connections fail */
  constructor(target: () => number | undefined) {
    this.#server = createServer((device) => {
      device.on("error", () => {});
      const open = (): void => {
        const port = target();
        if (port === undefined) device.resetAndDestroy();
        else if (!device.destroyed) this.#link(device, connect({ host: "127.0.0.1", port }));
      };
      if (this.#parted) this.#waiting.add(open);
      else open();
    });
  }

  /** Connections under way. */
  get connections(): number {
    return this.#links.size;
  }

  /** Bytes that were taken from devices and are not passed on yet. */
  get bytesUnderWay(): number {
    return [...this.#links].reduce((sum, { up }) => sum + up.queued, 0);
  }

  /** @returns the port that devices connect to */
  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  /** @param done called when a connection was cut; never if there is none that could be */
  cut(cut: Cut, random: SeededRandom, done: () => void): void {
    const tear = { keep: random.float(), abrupt: random.chance(0.5), done };
    const any = random.pick([...this.#links]);
    const link = cut === "down" ? (this.#lastSender ?? any) : any;
    if (cut === "up") this.#nextUp.push({ ...tear, direction: "up" });
    else if (link === undefined) return;
    else if (cut === "down") link.tear = { ...tear, direction: "down" };
    else {
      if (cut === "silent") link.silent = true;
      else sever(link.device, link.server, tear.abrupt);
      done();
    }
  }

  /** One connection becomes slow for a time, in both directions. @returns false if there is none */
  slow(random: SeededRandom, latency: number, bytesPerSecond: number, duration: number): boolean {
    const link = random.pick([...this.#links]);
    if (link === undefined) return false;
    for (const line of [link.up, link.down]) line.slow({ latency, bytesPerSecond });
    setTimeout(() => {
      for (const line of [link.up, link.down]) line.slow({ latency: 0, bytesPerSecond: Infinity });
    }, duration);
    return true;
  }

  /** Nothing passes in either direction, new connections hang, and nobody is told. What is under way waits. */
  part(): void {
    this.#parted = true;
    for (const { up, down } of this.#links) for (const line of [up, down]) line.hold();
  }

  /** What waited goes on its way. */
  heal(): void {
    this.#parted = false;
    for (const { up, down } of this.#links) for (const line of [up, down]) line.release();
    for (const go of this.#waiting) go();
    this.#waiting.clear();
  }

  async close(): Promise<void> {
    for (const { device, server } of this.#links) {
      device.destroy();
      server.destroy();
    }
    this.#server.close();
    await once(this.#server, "close");
  }

  #link(device: Socket, server: Socket): void {
    const link: Link = {
      device,
      server,
      up: new SlowLine(device, server),
      down: new SlowLine(server, device),
    };
    this.#links.add(link);
    device.setNoDelay();
    server.setNoDelay();
    device.on("data", (chunk) => this.#forward(link, "up", chunk));
    server.on("data", (chunk) => this.#forward(link, "down", chunk));
    server.on("error", () => device.destroy());
    for (const [from, to] of [
      [device, server],
      [server, device],
    ] as const) {
      from.on("drain", () => {
        if (!link.up.isFull && !link.down.isFull) to.resume();
      });
      from.on("close", () => {
        // A silent connection stays open towards the device until the device gives it up.
        if (link.silent && from === server) return;
        this.#links.delete(link);
        if (this.#lastSender === link) this.#lastSender = undefined;
        if (this.#parted) this.#waiting.add(() => to.destroySoon());
        else (from === device ? link.up : link.down).end();
      });
    }
  }

  #forward(link: Link, direction: "up" | "down", chunk: Buffer): void {
    if (link.silent) return;
    const [from, line] = direction === "up" ? [link.device, link.up] : [link.server, link.down];
    if (direction === "up") {
      this.#lastSender = link;
      link.tear ??= this.#nextUp.shift();
    }
    const { tear } = link;
    if (tear?.direction === direction) {
      // What is let through shall arrive, behind what is under way already; only then that side is closed.
      line.push(chunk.subarray(0, Math.floor(chunk.length * tear.keep)));
      line.end();
      if (tear.abrupt) from.resetAndDestroy();
      else from.destroy();
      tear.done();
      return;
    }
    line.push(chunk);
  }
}

function sever(device: Socket, server: Socket, abrupt: boolean): void {
  for (const socket of [device, server]) {
    if (abrupt) socket.resetAndDestroy();
    else socket.destroy();
  }
}
