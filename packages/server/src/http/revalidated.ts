import { createHash } from "node:crypto";
import { json } from "./failure.js";
import { headerList } from "./header-list.js";

/**
 * An answer that the caller's own cache may keep, if it asks each time whether it still holds: history does not change by
 * itself, but it may be redacted, and its reader removed. Costs the read, and spares the bytes.
 */
export function revalidated(request: Request, value: unknown): Response {
  const body = JSON.stringify(value);
  const tag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  const headers = {
    "cache-control": "private, no-cache",
    etag: tag,
    // Another user of the same browser is answered otherwise.
    vary: "authorization, chat-device-id",
    "x-content-type-options": "nosniff",
  };
  const known = headerList(request.headers.get("if-none-match"));
  if (known.some((given) => given === "*" || given.replace(/^W\//, "") === tag)) {
    return new Response(null, { status: 304, headers });
  }
  return json(200, value, headers);
}
