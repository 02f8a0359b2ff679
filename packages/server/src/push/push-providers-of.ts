import { ChatError } from "@chat/protocol";
import { assertKnown } from "../assert-known.js";
import type { PushOptions, PushProvider } from "./push-provider.js";

/** The providers by their names. @throws ChatError `invalid_argument` for names that are none, or the same, and for options that there are not */
export function pushProvidersOf(options: PushOptions | undefined): ReadonlyMap<string, PushProvider> {
  assertKnown("option of push", options ?? {}, ["providers", "compose"]);
  const providers = new Map<string, PushProvider>();
  for (const provider of options?.providers ?? []) {
    if (!/^[a-z0-9-]{1,64}$/.test(provider.name) || providers.has(provider.name)) {
      throw new ChatError(
        "invalid_argument",
        "Push providers have names of their own, of a–z, 0–9 and hyphens.",
      );
    }
    providers.set(provider.name, provider);
  }
  return providers;
}
