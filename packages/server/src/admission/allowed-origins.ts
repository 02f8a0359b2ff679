import { ChatError } from "@chat/protocol";

/** The web origins that may use the chat: a list such as `["https://app.example"]`, or a check of one's own. */
export type AllowedOrigins = readonly string[] | ((origin: string) => boolean);

/** Tells whether a page of an origin may talk to the server under a host name. */
export type OriginCheck = (origin: string, host: string | undefined) => boolean;

/**
 * Without a list, a page may talk to the host that it came from. The scheme is not compared: behind a proxy that ends TLS the
 * server does not know its own.
 * @throws ChatError `invalid_argument` for what is no origin
 */
export function originCheck(allowed: AllowedOrigins | undefined): OriginCheck {
  if (allowed === undefined) return isSameHost;
  if (typeof allowed === "function") {
    return (origin) => {
      try {
        // The promise of an async check is no answer.
        return (allowed(origin) as unknown) === true;
      } catch {
        // A check that fails must neither let somebody in nor end the process.
        return false;
      }
    };
  }
  for (const origin of allowed) {
    if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#\s*A-Z]+$/.test(origin)) {
      const example = "https://app.example, without a path, a slash at the end, or wildcards";
      throw new ChatError(
        "invalid_argument",
        `allowedOrigins holds "${origin}"; an origin reads ${example}.`,
      );
    }
  }
  const list = new Set(allowed);
  return (origin) => list.has(origin);
}

function isSameHost(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  // Parsed under the page's scheme, so that its default port may be named or not.
  const own = `${page.protocol}//${host}`;
  return page.host !== "" && URL.canParse(own) && new URL(own).host === page.host;
}
