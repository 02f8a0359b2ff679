import type { Privacy } from "../index.js";
import { useChatClient } from "./chat-provider.js";
import { useSnapshot } from "./use-snapshot.js";

const UNKNOWN: Privacy = Object.freeze({ typing: true, readReceipts: true, blocked: [] });

/** What this user tells others; set it with `client.setPrivacy`. Renders again when that changed. */
export function usePrivacy(): Privacy {
  return useSnapshot(useChatClient(), (client) => client.privacy, UNKNOWN);
}
