import type { IncomingMessage } from "node:http";
import type { Runtime } from "@chat/protocol";
import { loggableError } from "../admission/loggable-error.js";
import type { Peer } from "../session/socket.js";

/** Who is behind a request: by the application's `clientAddress`, if it has one, else by the socket. */
export function peerOf(
  request: IncomingMessage,
  clientAddress: ((peer: Peer) => string | undefined) | undefined,
  log: Runtime["log"],
): Peer {
  const peer = { headers: request.headers, address: request.socket.remoteAddress };
  if (clientAddress === undefined) return peer;
  try {
    return { ...peer, address: clientAddress(peer) ?? peer.address };
  } catch (error) {
    // Thrown out of an upgrade it would end the process.
    log("warn", "client_address_failed", { ...loggableError(error) });
    return peer;
  }
}
