/// <reference no-default-lib="true" />
/// <reference lib="es2022" />
/// <reference lib="webworker" />

import { showPushes } from "@chat/client/push";

// Keeps the page's own files, so that it opens offline. It never touches the chat's requests, nor anything
// else: messages are kept by the chat client.

declare const self: ServiceWorkerGlobalScope;
/** Put in by vite.service-worker.config.ts. */
declare const __SHELL__: { readonly version: string; readonly files: readonly string[] };

const { version, files } = __SHELL__;
const CACHE = `page ${version}`;
/** ms after which the kept page is shown, though the server may still answer. */
const PATIENCE = 3_000;

// Tells of messages while no page is on the screen.
showPushes(self, {
  open: ({ conversationId }) => `/#/conversation/${encodeURIComponent(conversationId)}`,
});

self.addEventListener("install", (event) => {
  const keep = async (): Promise<void> => {
    const cache = await caches.open(CACHE);
    await cache.addAll(files.map((file) => new Request(file, { cache: "reload" })));
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  const takeOver = async (): Promise<void> => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(takeOver());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin || !files.includes(url.pathname))
    return;
  event.respondWith(url.pathname === "/" ? newestPage(request) : kept(request));
});

/** The files' names change with what is in them, so what is kept is right. */
async function kept(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}

/** The server's page where it answers, so that a new one shows at once. */
async function newestPage(request: Request): Promise<Response> {
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
    if (response.ok) return response;
  } catch {
    // Offline, or as good as.
  }
  return (await caches.match("/")) ?? Response.error();
}
