import type { ChatServer } from "../../src/index.js";

/** A UUID by number. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

/** One request to the HTTP service. */
export async function call(
  server: ChatServer,
  method: string,
  path: string,
  body?: unknown,
  as = "ana",
  deviceId?: string,
): Promise<{ readonly status: number; readonly headers: Headers; readonly body: unknown }> {
  const answer = await server.fetch(
    new Request(`http://chat${path}`, {
      method,
      headers: {
        authorization: `Bearer ${as}`,
        "content-type": "application/json",
        ...(deviceId !== undefined && { "chat-device-id": deviceId }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }),
  );
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === "" ? undefined : JSON.parse(text) };
}
