import { ChatError } from "@chat/protocol";

/**
 * The WebSocket URL of a server, always spelled alike: http becomes ws, https wss, and a path is taken relative to the page.
 * @throws ChatError `invalid_argument`
 */
export function resolveUrl(url: string): string {
  try {
    const resolved = new URL(url, (globalThis as { location?: { href: string } }).location?.href);
    resolved.protocol = resolved.protocol.replace(/^http/, "ws");
    resolved.hash = "";
    if (/^wss?:$/.test(resolved.protocol)) return resolved.href;
  } catch {
    // told below
  }
  throw new ChatError(
    "invalid_argument",
    `url must be a ws, wss, http or https URL, or in a page a path: ${url}`,
  );
}
