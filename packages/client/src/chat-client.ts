import { ChatError } from "@chat/protocol";
import type { ChatClient, ChatClientOptions, CustomData } from "./public-types.js";

/** Creates the chat of one user on this device. It opens its cache and connects by itself. */
export function createChatClient<C extends CustomData = CustomData>(
  options: ChatClientOptions,
): ChatClient<C> {
  throw new ChatError("internal", `The client for ${options.url} is being written.`);
}
