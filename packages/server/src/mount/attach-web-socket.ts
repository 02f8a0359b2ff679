import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type Clock, isChatError, LIMITS, SUBPROTOCOL } from "@chat/protocol";
import { WebSocket, WebSocketServer } from "ws";
import type { OriginCheck } from "../admission/allowed-origins.js";
import type { Place } from "../admission/door.js";
import { headerList } from "../http/header-list.js";
import type { Peer, Socket } from "../session/socket.js";
import { FrameMemo } from "./frame-memo.js";

/** Fragments of one WebSocket message; a client has no reason to send more than one. */
const MAX_FRAGMENTS = 64;
/** Chunks off the network that may wait for the rest of a frame. */
const MAX_BUFFERED_CHUNKS = 4_096;
/** ms that a peer has to answer our close frame before the socket is torn down. */
const CLOSE_TIMEOUT = 5_000;

/** What the mount tells of a socket, once it is open. */
export interface SocketEvents {
  receive(bytes: Uint8Array): void;
  /** A ping or pong of WebSocket itself. */
  controlFrame(): void;
  socketClosed(): void;
}

/** What the mount needs of the server. */
export interface MountEnvironment {
  readonly clock: Clock;
  readonly isAllowedOrigin: OriginCheck;
  /** Who is behind a request, by the application's `clientAddress` if it has one. */
  peerOf(request: IncomingMessage): Peer;
  /** Takes a place for a connection. @throws ChatError `overloaded` if there is none */
  enter(address: string | undefined): Place;
  /** Opens a session for a socket. The mount gives the place back. */
  accept(socket: Socket, peer: Peer, place: Place): SocketEvents;
  /** An upgrade was refused with this error code. */
  refused(code: string): void;
}

function refuse(socket: Duplex, status: string, sentence: string, retryAfter?: number): void {
  const headers = [
    `HTTP/1.1 ${status}`,
    "Connection: close",
    "Content-Type: text/plain",
    `Content-Length: ${Buffer.byteLength(sentence)}`,
    ...(retryAfter === undefined ? [] : [`Retry-After: ${Math.ceil(retryAfter / 1_000)}`]),
  ];
  // Once said, the socket goes: whoever does not close their half must not hold ours open.
  socket.end(`${headers.join("\r\n")}\r\n\r\n${sentence}`, () => socket.destroy());
}

/** One connection that was accepted. What `ws` tells of it goes straight to its session: listeners would take a dictionary for each connection. */
class ServedWebSocket extends WebSocket {
  events: SocketEvents | undefined;
  place: Place | undefined;

  override emit(event: string | symbol, ...told: unknown[]): boolean {
    switch (event) {
      case "message":
        if (told[1] === true) this.events?.receive(told[0] as Buffer);
        else this.close(1003, "frames are binary");
        return true;
      case "ping":
      case "pong":
        this.events?.controlFrame();
        return true;
      case "error":
        // An error of one peer (too large, bad UTF-8, reset) that nobody took would end the process.
        this.terminate();
        return true;
      case "close":
        // The network's socket is gone, too: one that lingers takes memory, and so has its place.
        this.place?.leave();
        this.events?.socketClosed();
        return super.emit(event, ...told);
      default:
        return super.emit(event, ...told);
    }
  }
}

// Node takes its own listener off a socket that is upgraded: without one, a reset would end the process.
function onError(this: Duplex): void {
  this.destroy();
}

/** One upgraded connection: its network socket, and `ws` on it, which reads it, answers pings and closes. */
class UpgradedSocket implements Socket {
  /** @param frames shared by all connections */
  constructor(
    private readonly network: Duplex,
    private readonly webSocket: ServedWebSocket,
    private readonly frames: FrameMemo,
    private readonly clock: Clock,
  ) {}

  get bufferedBytes(): number {
    return this.network.writableLength;
  }

  send(bytes: Uint8Array): void {
    // A socket that is closing drops what it is given; the device syncs when it is back.
    // Past `ws`, whose sender would frame the bytes anew for each socket and write them in two pieces. Without extensions it writes each of
    // its own frames in one go too, so that ours never lands inside one.
    if (this.webSocket.readyState === WebSocket.OPEN) this.network.write(this.frames.frameOf(bytes));
  }

  close(code: number, reason: string): void {
    const { webSocket } = this;
    webSocket.close(code, reason);
    webSocket.once(
      "close",
      this.clock.schedule(CLOSE_TIMEOUT, () => webSocket.terminate()),
    );
  }
}

/** A path as routers compare it: one slash at its end makes no difference. */
function withoutSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}

/**
 * Takes WebSocket upgrades for one path on the application's HTTP server, and leaves all others alone.
 * @returns detaches from the server
 */
export function attachWebSocket(server: Server, path: string, environment: MountEnvironment): () => void {
  const webSocketServer = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: LIMITS.wireMessageBytes,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    handleProtocols: () => SUBPROTOCOL,
    WebSocket: ServedWebSocket,
  });
  const frames = new FrameMemo();
  const own = withoutSlash(path);
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const url = request.url ?? "/";
    const query = url.indexOf("?");
    if (withoutSlash(query === -1 ? url : url.slice(0, query)) !== own) {
      // Somebody else's, unless nobody else is there to answer.
      if (server.listenerCount("upgrade") > 1) return;
      socket.on("error", onError);
      refuse(socket, "404 Not Found", "There is no WebSocket at this path.");
      return;
    }
    socket.on("error", onError);
    const { origin, host } = request.headers;
    if (origin !== undefined && !environment.isAllowedOrigin(origin, host)) {
      environment.refused("forbidden");
      const sentence =
        "Pages of this origin may not use the chat; the server's option allowedOrigins says which may.";
      refuse(socket, "403 Forbidden", sentence);
      return;
    }
    const offered = headerList(request.headers["sec-websocket-protocol"]);
    if (!offered.includes(SUBPROTOCOL)) {
      const spoken = `This server speaks the WebSocket subprotocol ${SUBPROTOCOL}, which was not offered`;
      refuse(socket, "400 Bad Request", `${spoken}: use a client or a server of the other's version.`);
      return;
    }
    const peer = environment.peerOf(request);
    let place: Place;
    try {
      place = environment.enter(peer.address);
    } catch (error) {
      if (!isChatError(error)) throw error;
      environment.refused(error.code);
      refuse(socket, "503 Service Unavailable", error.message, error.retryAfter);
      return;
    }
    let isAccepted = false;
    // What this closes over goes with the handshake: the headers are some kilobytes.
    webSocketServer.handleUpgrade(request, socket, head, (webSocket) => {
      isAccepted = true;
      socket.off("error", onError);
      webSocket.place = place;
      const upgraded = new UpgradedSocket(socket, webSocket, frames, environment.clock);
      webSocket.events = environment.accept(upgraded, peer, place);
    });
    if (!isAccepted) socket.on("close", () => place.leave());
  };
  server.on("upgrade", onUpgrade);
  return () => server.off("upgrade", onUpgrade);
}
