import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type Clock, LIMITS, SUBPROTOCOL } from "@chat/protocol";
import { type WebSocket, WebSocketServer } from "ws";
import type { Peer, Socket } from "../session/socket.js";

/** Fragments of one WebSocket message; a client has no reason to send more than one. */
const MAX_FRAGMENTS = 64;
/** Chunks off the network that may wait for the rest of a frame. */
const MAX_BUFFERED_CHUNKS = 4_096;
/** ms that a peer has to answer our close frame before the socket is torn down. */
const CLOSE_TIMEOUT = 5_000;

/** What the mount tells of a socket, once it is open. */
export interface SocketEvents {
  receive(bytes: Uint8Array): void;
  socketClosed(): void;
}

/** Opens a session for a socket. */
export type Accept = (socket: Socket, peer: Peer) => SocketEvents;

function refuse(socket: Duplex, status: string, sentence: string): void {
  socket.on("error", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(sentence)}\r\n\r\n${sentence}`,
  );
}

function adapt(webSocket: WebSocket, request: IncomingMessage, clock: Clock, accept: Accept): void {
  const socket: Socket = {
    send(bytes) {
      // A socket that is closing drops what it is given; the device syncs when it is back.
      if (webSocket.readyState === webSocket.OPEN) webSocket.send(bytes, { binary: true });
    },
    close(code, reason) {
      webSocket.close(code, reason);
      webSocket.once(
        "close",
        clock.schedule(CLOSE_TIMEOUT, () => webSocket.terminate()),
      );
    },
    get bufferedBytes() {
      return webSocket.bufferedAmount;
    },
  };
  const events = accept(socket, { headers: request.headers, address: request.socket.remoteAddress });
  webSocket.on("message", (bytes: Buffer, isBinary) => {
    if (isBinary) events.receive(bytes);
    else webSocket.close(1003, "frames are binary");
  });
  // Without a listener, an error of one peer (too large, bad UTF-8, reset) would end the process.
  webSocket.on("error", () => webSocket.terminate());
  webSocket.on("close", () => events.socketClosed());
}

/**
 * Takes WebSocket upgrades for one path on the application's HTTP server, and leaves all others alone.
 * @returns detaches from the server
 */
export function attachWebSocket(server: Server, path: string, clock: Clock, accept: Accept): () => void {
  const webSocketServer = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: LIMITS.wireMessageBytes,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    handleProtocols: () => SUBPROTOCOL,
  });
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const url = request.url ?? "/";
    const query = url.indexOf("?");
    if ((query === -1 ? url : url.slice(0, query)) !== path) {
      // Somebody else's, unless nobody else is there to answer.
      if (server.listenerCount("upgrade") === 1)
        refuse(socket, "404 Not Found", "There is no WebSocket at this path.");
      return;
    }
    const offered = String(request.headers["sec-websocket-protocol"] ?? "").split(/\s*,\s*/);
    if (!offered.includes(SUBPROTOCOL)) {
      refuse(socket, "400 Bad Request", `This server speaks the WebSocket subprotocol ${SUBPROTOCOL}.`);
      return;
    }
    webSocketServer.handleUpgrade(request, socket, head, (webSocket) =>
      adapt(webSocket, request, clock, accept),
    );
  };
  server.on("upgrade", onUpgrade);
  return () => server.off("upgrade", onUpgrade);
}
