import type { ClientStatus } from "../index.js";
import { useChatClient } from "./chat-provider.js";
import { useSnapshot } from "./use-snapshot.js";

const UNKNOWN: ClientStatus = Object.freeze({
  connection: "connecting",
  synced: false,
  storage: "opening",
  pending: 0,
});

/** What the client is doing: online or not, in sync or not, how many messages wait. */
export function useConnection(): ClientStatus {
  return useSnapshot(useChatClient(), (client) => client.status, UNKNOWN);
}
