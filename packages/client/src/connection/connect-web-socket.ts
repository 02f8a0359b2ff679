import type { Transport, Socket } from "./socket.js";

type WebSocketConstructor = new (url: string, protocols: string[]) => unknown;

/** Opens the platform's WebSocket, or one from isomorphic-ws where there is none (Node 20). */
export const connectWebSocket: Transport = async (url, protocols) => {
  const { WebSocket: native } = globalThis as { WebSocket?: WebSocketConstructor };
  // Loaded where it is needed only, so that a page never fetches it.
  const Implementation = native ?? (await import("isomorphic-ws")).default;
  return new Implementation(url, [...protocols]) as Socket;
};
