import { ChatError, type Clock, isChatError, LIMITS, newUuid, type Random } from "@chat/protocol";
import type { OriginCheck } from "../admission/allowed-origins.js";
import type { Place } from "../admission/door.js";
import { BodyRoom } from "../http/body-room.js";
import { crossOrigin } from "../http/cross-origin.js";
import { failureResponse } from "../http/failure.js";
import { readBytes } from "../http/read-body.js";
import type { Peer, Socket } from "../session/socket.js";
import type { SocketEvents } from "./attach-web-socket.js";

const PATH = "/stream";
/** Bytes of POSTs of one stream that may be on their way: a device sends one after the other, and a browser one of them twice, perhaps. */
const BODY_BYTES = 2 * LIMITS.wireMessageBytes;
/** ms that a device has to take what waits, once the stream is closed. */
const CLOSE_TIMEOUT = 5_000;

/** What event streams need of the server. */
export interface EventStreamEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly isAllowedOrigin: OriginCheck;
  /** Takes a place for a connection. @throws ChatError `overloaded` if there is none */
  enter(address: string | undefined): Place;
  /** Opens a session for a socket. The stream gives the place back. */
  accept(socket: Socket, peer: Peer, place: Place): SocketEvents;
  /** A request was refused with this error code. */
  refused(code: string): void;
}

/** Answers a request that concerns an event stream; undefined for another path. */
export type EventStreams = (request: Request, address?: string) => Promise<Response | undefined>;

/**
 * What stands in for a WebSocket where none can be had: the server's messages come as server-sent events (`GET /stream`), the
 * device's go by POST, one after the other, and both belong to one session with the limits and rules of any other.
 * The streams live in this process: whatever balances the load must send a device's POSTs to the server that has its stream.
 */
export function createEventStreams(environment: EventStreamEnvironment): EventStreams {
  const streams = new Map<string, EventStream>();
  const room = new BodyRoom(BODY_BYTES);

  function open(request: Request, address: string | undefined): Response {
    const place = environment.enter(address);
    const id = newUuid(environment.random);
    const stream = new EventStream(environment.clock, () => {
      streams.delete(id);
      place.leave();
    });
    streams.set(id, stream);
    stream.say(id, "open");
    stream.begin(
      environment.accept(stream, { headers: Object.fromEntries(request.headers), address }, place),
    );
    return new Response(stream.body, {
      headers: {
        "content-type": "text/event-stream",
        // Neither a cache nor a proxy that compresses may hold anything back.
        "cache-control": "no-store, no-transform",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
      },
    });
  }

  async function take(request: Request): Promise<Response> {
    const [, id, number] =
      /^([0-9a-f-]{36});(\d{1,15})$/.exec(request.headers.get("chat-stream") ?? "") ?? [];
    if (id === undefined) {
      throw new ChatError("invalid_argument", "Name the stream: Chat-Stream: id;number, counted from 0.");
    }
    const over = (): ChatError => new ChatError("not_found", "This stream is over; open another one.");
    const stream = streams.get(id);
    if (stream === undefined) throw over();
    // Whoever has no session any more must not have the server wait for the rest.
    const bytes = await readBytes(request, room, id, stream.over);
    if (stream.over.aborted) throw over();
    stream.receive(Number(number), bytes);
    return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
  }

  async function answer(request: Request, address: string | undefined): Promise<Response> {
    try {
      if (request.method === "GET") return open(request, address);
      if (request.method === "POST") return await take(request);
      return new Response(null, { status: 405, headers: { allow: "GET, POST" } });
    } catch (error) {
      return refusal(error);
    }
  }

  function refusal(error: unknown): Response {
    if (!isChatError(error)) throw error;
    environment.refused(error.code);
    return failureResponse(error);
  }

  return async (request, address) => {
    if (new URL(request.url).pathname !== PATH) return undefined;
    try {
      return await crossOrigin(request, environment.isAllowedOrigin, () => answer(request, address));
    } catch (error) {
      return refusal(error);
    }
  };
}

/** One stream: the socket of a session, made of one answer that does not end and of many requests. */
class EventStream implements Socket {
  readonly body: ReadableStream<Uint8Array>;
  readonly #encoder = new TextEncoder();
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  /** Ends the wait of the body's reader for something to read. */
  #wake: () => void = () => {};
  #events: SocketEvents | undefined;
  #next = 0;
  #closed = false;
  readonly #over = new AbortController();

  /** @param ended called once, when the reader has taken the last of it or has gone */
  constructor(
    private readonly clock: Clock,
    private readonly ended: () => void,
  ) {
    let controller: ReadableStreamDefaultController<Uint8Array>;
    this.#fail = () => controller.error(new Error("the device did not take what was sent to it"));
    this.body = new ReadableStream<Uint8Array>(
      {
        start(given) {
          controller = given;
        },
        pull: async () => {
          if (this.#waiting.length === 0 && !this.#closed) {
            await new Promise<void>((resolve) => (this.#wake = resolve));
          }
          if (this.over.aborted) return;
          for (const chunk of this.#waiting) controller.enqueue(chunk);
          this.#waiting = [];
          this.#bytes = 0;
          if (this.#closed) {
            controller.close();
            this.#end();
          }
        },
        cancel: () => this.#end(),
      },
      { highWaterMark: 0 },
    );
  }

  readonly #fail: () => void;

  get bufferedBytes(): number {
    return this.#bytes;
  }

  /** Fires when nobody is at the stream any more. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  begin(events: SocketEvents): void {
    this.#events = events;
  }

  /** @throws ChatError `conflict` if a message before it is missing */
  receive(number: number, bytes: Uint8Array): void {
    if (number > this.#next) throw new ChatError("conflict", `Message ${this.#next} comes first.`);
    // Browsers may send a request twice by themselves, when its connection broke.
    if (number < this.#next) return this.#events?.controlFrame();
    this.#next++;
    this.#events?.receive(bytes);
  }

  send(bytes: Uint8Array): void {
    this.say(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"));
  }

  close(code: number): void {
    if (this.#closed) return;
    this.say(String(code), "close");
    this.#closed = true;
    this.#wake();
    this.clock.schedule(CLOSE_TIMEOUT, () => {
      if (this.over.aborted) return;
      this.#fail();
      this.#end();
    });
  }

  /** Sends one event. */
  say(data: string, event?: string): void {
    if (this.#closed) return;
    const chunk = this.#encoder.encode(`${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n\n`);
    this.#waiting.push(chunk);
    this.#bytes += chunk.length;
    this.#wake();
  }

  #end(): void {
    if (this.over.aborted) return;
    this.#closed = true;
    this.#over.abort();
    this.#waiting = [];
    this.#wake();
    this.#events?.socketClosed();
    this.ended();
  }
}
