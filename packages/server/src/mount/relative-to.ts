import type { ConversationService } from "../http/conversation-service.js";

/** A service below a path: what lies elsewhere is not its own. */
export function relativeTo(basePath: string | undefined, service: ConversationService): ConversationService {
  const base = (basePath ?? "").replace(/\/+$/, "");
  if (base === "") return service;
  return async (request, address) => {
    const url = new URL(request.url);
    if (!url.pathname.startsWith(`${base}/`)) return undefined;
    url.pathname = url.pathname.slice(base.length);
    return service(new Request(url, request), address);
  };
}
