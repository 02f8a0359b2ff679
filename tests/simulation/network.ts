import type { ClientFrame, ServerFrame } from "@chat/protocol";
import { createClientCodec, createServerCodec } from "@chat/protocol";
import type { Socket as DeviceSocket } from "@chat/client";
import type { ChatServer, Socket as ServerSocket } from "@chat/server";
import type { Chance } from "./chance.js";
import { describeFrame } from "./describe-frame.js";
import type { NewerVersion } from "./newer-version.js";
import type { Party, Scheduler } from "./scheduler.js";
import type { Trace } from "./trace.js";

const ABNORMAL = 1006;
/** A path: a server and a device are of different versions. */
const MIXED = "versions differ";

/** Where a device's sockets begin. */
export interface DeviceEnd {
  readonly party: Party;
  readonly name: string;
  readonly userId: string;
  /** False while the device has no network. */
  readonly isReachable: boolean;
  /** Set where its application is of a newer version. */
  readonly newer?: NewerVersion | undefined;
}

/** Where they lead. */
export interface ServerEnd {
  readonly party: Party;
  readonly chat: ChatServer;
  /** Something is about to leave the process; a crash may strike just here. */
  step(): void;
  /** Set where it is of a newer version. */
  readonly newer?: NewerVersion | undefined;
}

/** Looks at everything that a server sends; with the request that it answers, if the server has it from this connection. */
export type Inspect = (frame: ServerFrame, to: DeviceEnd, request: ClientFrame | undefined) => void;

/** One direction of a connection: what goes in comes out in order, later or not at all. */
class Pipe {
  bytes = 0;
  /** What is sent from now on vanishes, and nobody is told. */
  swallows = false;
  /** Nothing comes out any more. */
  broken = false;
  #lastAt = 0;
  #first: Uint8Array | undefined;

  constructor(
    private readonly scheduler: Scheduler,
    private readonly receiver: Party,
    private readonly latency: () => number,
    private readonly deliver: (bytes: Uint8Array) => void,
  ) {}

  get firstInFlight(): Uint8Array | undefined {
    return this.broken ? undefined : this.#first;
  }

  push(bytes: Uint8Array): void {
    if (this.swallows || this.broken) return;
    const copy = bytes.slice();
    this.#first ??= copy;
    this.bytes += copy.length;
    this.#next(() => {
      this.bytes -= copy.length;
      if (this.#first === copy) this.#first = undefined;
      this.deliver(copy);
    });
  }

  /** Something that happens at the other end after all that was sent before. */
  pushEnd(end: () => void): void {
    if (!this.swallows && !this.broken) this.#next(end);
  }

  #next(run: () => void): void {
    this.#lastAt = Math.max(this.#lastAt, this.scheduler.now + this.latency());
    this.scheduler.at(this.#lastAt, this.receiver, () => {
      if (!this.broken) run();
    });
  }
}

/** One connection of a device with a server. */
export class Link {
  up: Pipe;
  down: Pipe;
  /** ms that each message takes, on top. */
  slowness = 0;
  session: ReturnType<ChatServer["accept"]> | undefined;
  deviceClosed = false;
  serverClosed = false;
  readonly #asked = new Map<number, ClientFrame>();

  constructor(
    private readonly network: Network,
    readonly device: DeviceEnd,
    readonly server: ServerEnd,
    readonly socket: DeviceSocket,
  ) {
    const { scheduler, chance, trace } = network;
    const base = 1 + chance.float() * 40;
    const latency = (): number => base + chance.float() * base + chance.float() * this.slowness;
    this.up = new Pipe(scheduler, server.party, latency, (bytes) => {
      for (const frame of network.serverCodec.decode(bytes)) {
        trace.note(server.party.name, `← ${device.name} ${describeFrame(frame)}`);
        if (frame.type === "get-range" || frame.type === "send-message")
          this.#asked.set(frame.requestId, frame);
        if (frame.type === "send-message" && frame.first === true) trace.hit("a send says first");
        if (frame.type === "get-range") {
          if (frame.after !== undefined) trace.hit("a device asks for a gap");
          else trace.hit("a page of history is read");
        }
      }
      if (server.newer === undefined) return this.session?.receive(bytes);
      const { known, answers } = server.newer.received(bytes);
      if (answers.length > 0) this.down.push(answers);
      if (known.length > 0) this.session?.receive(known);
    });
    this.down = new Pipe(scheduler, device.party, latency, (bytes) => {
      trace.note(device.name, `← ${server.party.name} ${bytes.length} bytes`);
      socket.onmessage?.({ data: bytes.buffer });
    });
  }

  /** True while its device takes it for a connection, and something that is sent over it vanishes. */
  get isSilent(): boolean {
    return !this.deviceClosed && (this.up.swallows || this.down.swallows);
  }

  /** The socket as the server has it. */
  serverSocket(): ServerSocket {
    const { down, server, network, device } = this;
    return {
      send: (bytes) => {
        server.step();
        if (!server.party.alive || this.serverClosed) return;
        for (const frame of network.clientCodec.decode(bytes)) {
          network.trace.note(server.party.name, `→ ${device.name} ${describeFrame(frame)}`);
          const { requestId = 0 } = frame as { requestId?: number };
          network.inspect(frame as ServerFrame, device, this.#asked.get(requestId));
          if (frame.type === "error") network.trace.hit(`answer ${frame.code}`);
          if ((server.newer === undefined) !== (device.newer === undefined)) network.trace.hit(MIXED);
        }
        down.push(server.newer?.ofServer(bytes) ?? bytes);
      },
      close: (code) => {
        network.trace.note(server.party.name, `closes ${device.name} ${code}`);
        network.trace.hit(`close ${code}`);
        down.pushEnd(() => this.endAtDevice(code));
        // The closing handshake ends at the latest with the mount's own deadline.
        network.scheduler.after(5_000, server.party, () => this.endAtServer());
      },
      get bufferedBytes() {
        return down.bytes;
      },
    };
  }

  endAtDevice(code: number): void {
    if (this.deviceClosed) return;
    this.deviceClosed = true;
    this.socket.onclose?.({ code });
    this.#forgetIfOver();
  }

  endAtServer(): void {
    if (this.serverClosed) return;
    this.serverClosed = true;
    this.session?.socketClosed();
    this.#forgetIfOver();
  }

  /** The connection breaks. What is under way may still arrive, or not, or in part. Both ends hear of it, each in its time. */
  cut(chance: Chance): void {
    for (const pipe of [this.up, this.down]) {
      const torn = pipe.firstInFlight;
      if (chance.happens(0.6)) {
        pipe.broken = true;
        if (torn !== undefined && chance.happens(0.4)) this.#deliverTorn(pipe, torn, chance);
      }
      pipe.swallows = true;
    }
    const { scheduler, trace } = this.network;
    trace.hit("fault cut");
    scheduler.after(chance.delay(50, 5_000), this.device.party, () => this.endAtDevice(ABNORMAL));
    scheduler.after(chance.delay(50, 5_000), this.server.party, () => this.endAtServer());
  }

  /** One direction falls silent, and nobody is told. */
  halfOpen(chance: Chance): void {
    this.network.trace.hit("fault half-open");
    if (chance.happens(0.5)) this.up.swallows = true;
    else this.down.swallows = true;
    if (chance.happens(0.3)) this.up.swallows = this.down.swallows = true;
  }

  #deliverTorn(pipe: Pipe, torn: Uint8Array, chance: Chance): void {
    this.network.trace.hit("fault truncated frame");
    const part = torn.slice(0, chance.between(1, torn.length) - 1);
    if (part.length === 0) return;
    const { scheduler } = this.network;
    if (pipe === this.up) scheduler.after(0, this.server.party, () => this.session?.receive(part));
    else scheduler.after(0, this.device.party, () => this.socket.onmessage?.({ data: part.buffer }));
  }

  #forgetIfOver(): void {
    if (this.deviceClosed && this.serverClosed) this.network.links.delete(this);
  }
}

/** All connections between devices and servers. */
export class Network {
  readonly links = new Set<Link>();
  readonly clientCodec = createClientCodec();
  readonly serverCodec = createServerCodec();

  constructor(
    readonly scheduler: Scheduler,
    readonly trace: Trace,
    readonly chance: Chance,
    /** Whom a new connection reaches; undefined if nobody. */
    private readonly route: (device: DeviceEnd) => ServerEnd | undefined,
    readonly inspect: Inspect,
  ) {}

  /** Opens a socket for a device. */
  connect(device: DeviceEnd): DeviceSocket {
    const { scheduler, chance, trace } = this;
    let link: Link | undefined;
    let closed = false;
    const socket: DeviceSocket = {
      binaryType: "blob",
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (bytes) => {
        if (closed || link === undefined) return;
        link.up.push(device.newer?.ofDevice(bytes) ?? bytes);
      },
      close: () => {
        if (closed) return;
        closed = true;
        if (link === undefined) return;
        const ended = link;
        trace.note(device.name, "closes its socket");
        ended.deviceClosed = true;
        ended.up.pushEnd(() => ended.endAtServer());
      },
    };
    const refuse = (): void => {
      trace.hit("connection refused");
      scheduler.after(chance.delay(40, 4_000), device.party, () => {
        socket.onerror?.();
        if (!closed) socket.onclose?.({ code: ABNORMAL });
      });
    };
    scheduler.after(1 + chance.delay(40, 1_000), device.party, () => {
      if (closed) return;
      const server = device.isReachable ? this.route(device) : undefined;
      if (server === undefined) return refuse();
      const opened = new Link(this, device, server, socket);
      const earlier = [...this.links].some(
        (other) => other.device.name === device.name && !other.serverClosed,
      );
      if (earlier) trace.hit("two connections of one device overlap");
      this.links.add(opened);
      link = opened;
      // The upgrade is answered by the mount; the session begins with it.
      scheduler.after(0, server.party, () => {
        opened.session = server.chat.accept(opened.serverSocket(), { headers: {}, address: "192.0.2.1" });
        opened.down.pushEnd(() => socket.onopen?.());
      });
      trace.note(device.name, `connects to ${server.party.name}`);
    });
    return socket;
  }

  /** A server's process is gone. Its operating system says so, or, with the whole machine gone, nobody does. */
  serverDied(server: ServerEnd, chance: Chance): void {
    for (const link of [...this.links].filter((other) => other.server === server)) {
      link.serverClosed = true;
      if (chance.happens(0.8)) link.down.pushEnd(() => link.endAtDevice(ABNORMAL));
      link.down.swallows = link.up.swallows = true;
    }
  }

  /** A device's application is gone. */
  deviceDied(device: DeviceEnd, chance: Chance): void {
    for (const link of [...this.links].filter((other) => other.device === device)) {
      link.deviceClosed = true;
      if (chance.happens(0.7)) link.up.pushEnd(() => link.endAtServer());
      link.up.swallows = link.down.swallows = true;
    }
  }
}
