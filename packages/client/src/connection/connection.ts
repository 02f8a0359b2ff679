import {
  type Cancel,
  ChatError,
  type ClientFrame,
  CLOSE_CODES,
  PROTOCOL_MINOR,
  type Runtime,
  type ServerFrame,
  SUBPROTOCOL,
  type WelcomeFrame,
} from "@chat/protocol";
import * as CLIENT_LIMITS from "../client-limits.js";
import { backoff } from "../runtime/backoff.js";
import { createFrameWriter } from "./frame-writer.js";
import { createHeartbeat } from "./heartbeat.js";
import { type ClientCodec, loadCodec } from "./load-codec.js";
import type { NetworkSignals } from "./network-signals.js";
import type { Transport, Socket } from "./socket.js";

/** What a connection needs of its surroundings. */
export interface ConnectionEnvironment {
  readonly runtime: Runtime;
  readonly transport: Transport;
  readonly signals: NetworkSignals;
  readonly url: string;
  /** Finds the server to connect to with a token; absent where it is always `url`. */
  readonly locate?: ((token: string) => Promise<string>) | undefined;
  readonly userId: string;
  /** Of this device, and which of its tabs leads. */
  identity(): { readonly deviceId: string; readonly leader?: number };
  readonly token: string | (() => string | Promise<string>);
  nextRequestId(): number;
  /** The server knows who is there. What it sends from now on comes by `received`. */
  welcomed(welcome: WelcomeFrame): void;
  received(frame: ServerFrame): void;
  /** A connection that was welcomed is gone. */
  lost(): void;
  /** The state changed. */
  changed(): void;
  report(error: unknown): void;
}

/** What the connection is doing. */
type ConnectionState = "connecting" | "online" | "offline" | "stopped" | "closed";

/** One connection to the server, made again whenever it is lost. */
export interface Connection {
  readonly state: ConnectionState;
  /** While online; else the frame is dropped. */
  send(frame: ClientFrame): void;
  connect(): void;
  disconnect(): void;
  /** Gives the connection up for another one. */
  restart(): void;
  /** For good. */
  close(): void;
}

const AGENT = "@chat/client";
const NORMAL_CLOSURE = 1000;

/** Starts offline. */
export function createConnection(environment: ConnectionEnvironment): Connection {
  const { runtime, changed, report } = environment;
  const { clock, random } = runtime;
  /** There once a socket has been open. */
  let codec: ClientCodec | undefined;
  let state: ConnectionState = "offline";
  /** Rises with every try; what belongs to an older one is ignored. */
  let generation = 0;
  let socket: Socket | undefined;
  let write: ((frame: Uint8Array) => void) | undefined;
  let attempt = 0;
  let refusedTokens = 0;
  let onlineSince = 0;
  /** When the server wants the device back, once it has said that it is going away. */
  let backAt: number | undefined;
  /** Why the server is about to close. */
  let refusal: ChatError | undefined;
  /** True while nothing is tried until a time has passed. */
  let waiting = false;
  /** When the last try began. */
  let triedAt = 0;
  let cancelTimeout: Cancel = () => {};
  const heartbeat = createHeartbeat({
    clock,
    sendPing: () => send({ type: "ping", requestId: environment.nextRequestId() }),
    silent() {
      const silent = new ChatError("disconnected", "The server did not answer a ping.");
      over(silent, false, CLOSE_CODES.heartbeatMissed.code);
    },
    slept: wake,
  });

  function become(next: ConnectionState): void {
    state = next;
    changed();
  }

  function send(frame: ClientFrame): void {
    if (codec) write?.(codec.encode(frame));
  }

  /** Lets go of the socket, which need not answer any more. */
  function drop(code = NORMAL_CLOSURE): void {
    generation++;
    waiting = false;
    cancelTimeout();
    heartbeat.stop();
    if (socket) abandon(socket, code);
    socket = write = undefined;
    if (state === "online") environment.lost();
  }

  function abandon(old: Socket, code?: number): void {
    old.onopen = old.onmessage = old.onclose = null;
    // What a socket reports after it was given up concerns nobody; without a handler ws would throw it.
    old.onerror = () => {};
    old.close(code);
  }

  async function open(): Promise<void> {
    drop();
    const mine = generation;
    refusal = backAt = undefined;
    triedAt = clock.monotonic();
    if (state !== "connecting") become("connecting");
    cancelTimeout = clock.schedule(CLIENT_LIMITS.connectTimeout, () =>
      over(new ChatError("timeout", "The server gave no answer in time.")),
    );
    try {
      const { token, locate } = environment;
      const fresh = typeof token === "function" ? await token() : token;
      if (mine !== generation) return;
      const url = locate ? await locate(fresh) : environment.url;
      if (mine !== generation) return;
      const opened = await environment.transport(url, [SUBPROTOCOL]);
      if (mine !== generation) return abandon(opened);
      attach(opened, fresh);
    } catch (error) {
      if (mine !== generation) return;
      report(error);
      over(error);
    }
  }

  function attach(opened: Socket, token: string): void {
    socket = opened;
    opened.binaryType = "arraybuffer";
    opened.onopen = () => {
      const loaded = codec ?? loadCodec();
      if (!(loaded instanceof Promise)) return greet(opened, token, loaded);
      loaded.then(
        (codec) => greet(opened, token, codec),
        (cause: unknown) => {
          if (socket !== opened) return;
          const error = new ChatError("disconnected", "A part of the client could not be loaded.", { cause });
          report(error);
          over(error);
        },
      );
    };
    opened.onmessage = ({ data }) => {
      heartbeat.heard();
      receive(data);
    };
    // What went wrong, onclose tells.
    opened.onerror = () => {};
    opened.onclose = ({ code }) => {
      const isTerminal = code === CLOSE_CODES.unsupportedVersion.code;
      if (code === CLOSE_CODES.unauthenticated.code) {
        refusal ??= new ChatError("unauthenticated", "The server refused the token.");
      } else if (isTerminal) {
        refusal ??= new ChatError("unsupported_version", "The server does not speak this version.");
      }
      over(refusal ?? new ChatError("disconnected", `The connection was closed (${code}).`), isTerminal);
    };
  }

  function greet(opened: Socket, token: string, loaded: ClientCodec): void {
    if (socket !== opened) return;
    codec = loaded;
    write = createFrameWriter((message) => {
      if (socket === opened) opened.send(message);
    });
    send({
      type: "hello",
      requestId: environment.nextRequestId(),
      minor: PROTOCOL_MINOR,
      capabilities: [],
      token,
      ...environment.identity(),
      agent: AGENT,
      userId: environment.userId,
    });
  }

  function receive(data: unknown): void {
    // Before a first hello a server says no more than that it refuses the connection, which it says again.
    if (!codec) return;
    const mine = generation;
    let frames;
    try {
      // A text message is no frame either: it becomes bytes that are none.
      frames = codec.decode(new Uint8Array(typeof data === "string" ? [0xc1] : (data as ArrayBuffer)));
    } catch (error) {
      return unreadable(error);
    }
    for (const frame of frames) {
      // A frame before this one may have ended the connection.
      if (mine !== generation) return;
      if (frame.type === "unknown") continue;
      if (frame.type === "invalid") unreadable(frame.error);
      else if (frame.type === "welcome") welcome(frame);
      else if (frame.type === "going-away") backAt = clock.monotonic() + frame.reconnectDelay;
      else if (frame.type === "error" && (frame.requestId === 0 || state !== "online")) {
        refusal = new ChatError(frame.code, frame.message, frame);
      } else if (state === "online") {
        if (frame.type === "pong") heartbeat.answered();
        try {
          environment.received(frame);
        } catch (error) {
          return unreadable(error);
        }
      }
    }
  }

  /** What was lost with it, syncing over a new connection brings; a request in doubt is sent again there. */
  function unreadable(error: unknown): void {
    report(error);
    over(error, false, CLOSE_CODES.malformed.code);
  }

  function welcome(frame: WelcomeFrame): void {
    if (state === "online") return;
    if (frame.userId !== environment.userId) {
      refusal = new ChatError("unauthenticated", "The token belongs to another user.");
      return over(refusal, true);
    }
    cancelTimeout();
    refusedTokens = 0;
    onlineSince = clock.monotonic();
    const interval = Math.max(frame.heartbeatInterval, CLIENT_LIMITS.heartbeatFloor);
    const mine = generation;
    become("online");
    environment.welcomed(frame);
    // What is asked on the occasion may have ended it.
    if (mine !== generation) return;
    // At random, so that the devices of a server that restarted do not ping at the same moment.
    heartbeat.beat(random.float() * interval, interval);
  }

  /** This connection, or the try to make one, has come to its end. */
  function over(error: unknown, terminal = false, code?: number): void {
    const wasOnline = state === "online";
    const lasted = clock.monotonic() - onlineSince >= CLIENT_LIMITS.stableAfter;
    const refused = error === refusal ? refusal : undefined;
    // Anything else that a server refuses a hello for is a defect of one side, and may be mended by the next release of it.
    if (refused && !wasOnline && !refused.retryable) {
      terminal ||=
        refused.code === "unsupported_version" ||
        (refused.code === "unauthenticated" && ++refusedTokens >= CLIENT_LIMITS.tokenAttempts);
    }
    drop(code);
    if (wasOnline) attempt = Math.min(attempt, lasted ? 0 : CLIENT_LIMITS.welcomedAttempts);
    if (refused) report(refused);
    if (terminal) return become("stopped");
    become("connecting");
    const wanted = backAt === undefined ? undefined : Math.max(0, backAt - clock.monotonic());
    const delay = wanted ?? refused?.retryAfter ?? backoff(random, attempt++);
    waiting = true;
    heartbeat.after(delay, () => void open());
  }

  function wake(): void {
    // No timer can be trusted after a sleep: the line, or the one that is being opened, may be dead, or the wait long over.
    // And what failed before tells nothing of now: whoever looks at the screen shall not wait out an old backoff.
    attempt = 0;
    if (state === "online") heartbeat.ping(CLIENT_LIMITS.wakeTimeout);
    else if (waiting || (state === "connecting" && clock.monotonic() - triedAt > CLIENT_LIMITS.wakeTimeout)) {
      void open();
    }
  }

  const unsubscribe = environment.signals.subscribe(wake);

  return {
    get state() {
      return state;
    },
    send(frame) {
      // Before the welcome a server takes nothing but the hello.
      if (state === "online") send(frame);
    },

    connect() {
      if (state !== "offline" && state !== "stopped" && !waiting) return;
      attempt = refusedTokens = 0;
      void open();
    },

    disconnect() {
      if (state === "closed" || state === "offline") return;
      drop();
      become("offline");
    },

    restart() {
      if (state === "online") over(new ChatError("timeout", "The server gave no answer in time."));
    },

    close() {
      if (state === "closed") return;
      drop();
      unsubscribe();
      become("closed");
    },
  };
}
