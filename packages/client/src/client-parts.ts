import type { Runtime, ServerFrame } from "@chat/protocol";
import type { Ask } from "./connection/requests.js";
import type { Presence } from "./presence/presence.js";
import type { Notifier } from "./runtime/notifier.js";

/** What parts of the client work with that an application loads only if it wants them: no part of the public interface. */
export interface ClientParts {
  readonly runtime: Runtime;
  readonly notifier: Notifier;
  readonly ask: Ask;
  report(error: unknown): void;
  presence?: Presence;
  /** Told of what the server pushes, in every tab. */
  pushed?: (frame: Extract<ServerFrame, { readonly type: "presence-changed" }>) => void;
}

/** Where a client keeps them. A symbol of the registry: the parts may come in another bundle, or as CommonJS. */
export const CLIENT_PARTS = Symbol.for("@chat/client");
