import type { RequestListener } from "node:http";
import { textOf } from "../load/text-of.js";

/** Two frames later: what an empty page takes for its own first frames. */
const EMPTY = `requestAnimationFrame(() => requestAnimationFrame(() => (window.bench = { listShownAt: performance.now() })));`;

const LINES = Array.from({ length: 50 }, (_, row) => `${crypto.randomUUID()} 0 ${textOf(row)}`);
/** As many rows as page.ts shows of so many conversations, of the same length, written by a script of the page's own. */
const ROWS = `const list = document.querySelector("#list");
for (const line of ${JSON.stringify(LINES)}.slice(0, new URL(location.href).searchParams.get("conversations"))) {
  const item = document.createElement("li");
  item.textContent = line;
  list.append(item);
}
${EMPTY}`;

function html(script: string): string {
  return `<!doctype html><meta charset="utf-8"><title>Benchmark</title><ul id="list"></ul><ul id="messages"></ul>${script}`;
}

/** Serves the page with the chat, at `/rows` one that shows as much without, and at `/empty` one that shows nothing. */
export function servePage(script: string): RequestListener {
  return (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const isScript = pathname.endsWith(".js");
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    if (isScript) response.end(pathname === "/rows.js" ? ROWS : script);
    else if (pathname === "/rows") response.end(html(`<script type="module" src="/rows.js"></script>`));
    else if (pathname === "/empty") response.end(html(`<script type="module">${EMPTY}</script>`));
    else response.end(html(`<script type="module" src="/page.js"></script>`));
  };
}
