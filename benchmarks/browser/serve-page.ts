import type { RequestListener } from "node:http";

/** Until the list is on screen: what an empty page takes for its own first frames. */
const EMPTY = `requestAnimationFrame(() => requestAnimationFrame(() => (window.bench = { listShownAt: performance.now() })));`;

function html(script: string): string {
  return `<!doctype html><meta charset="utf-8"><title>Benchmark</title><ul id="list"></ul><ul id="messages"></ul>${script}`;
}

/** Serves the page with the chat, and at `/empty` the same one without. */
export function servePage(script: string): RequestListener {
  return (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const isScript = pathname === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    if (isScript) response.end(script);
    else if (pathname === "/empty") response.end(html(`<script type="module">${EMPTY}</script>`));
    else response.end(html(`<script type="module" src="/page.js"></script>`));
  };
}
