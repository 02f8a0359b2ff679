// A page with a chat, as small as one can be: the newest conversations, and one of them open. Bundled for the browser by build-page.ts.
import { createChatClient } from "@chat/client";

/** Rows and lines that are on screen. */
const SHOWN = 50;

/** What the benchmark asks of the page. */
declare global {
  interface Window {
    bench: {
      /** ms from the navigation to the first frame that showed all conversations of the list; undefined before. */
      listShownAt?: number;
      synced(): boolean;
      /** Entries that are cached on the device. */
      cached(): Promise<number>;
      /** Opens a conversation. */
      open(conversationId: string): void;
      /** The last messageId that the open conversation shows. */
      shown(): number;
    };
  }
}

const expected = Number(new URL(location.href).searchParams.get("conversations"));
const list = document.querySelector("#list")!;
const messages = document.querySelector("#messages")!;

function fill(parent: Element, lines: readonly string[]): void {
  while (parent.childElementCount > lines.length) parent.lastElementChild!.remove();
  lines.forEach((line, index) => {
    const item = parent.children[index] ?? parent.appendChild(document.createElement("li"));
    if (item.textContent !== line) item.textContent = line;
  });
}

/** Calls back when what was changed is on screen. */
function afterPaint(callback: () => void): void {
  requestAnimationFrame(() => requestAnimationFrame(callback));
}

let drawn = false;
/** Draws at most once a frame, as views do. */
function soon(draw: () => void): () => void {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}

const chat = createChatClient({ url: "/chat", userId: "ana", token: () => "ana" });
const { conversations } = chat;
const drawList = (): void => {
  const rows = conversations.items.slice(0, SHOWN);
  fill(
    list,
    rows.map(({ summary: { id, latest, unreadCount } }) => `${id} ${unreadCount} ${latest?.snippet ?? ""}`),
  );
  if (drawn || conversations.items.length < expected) return;
  drawn = true;
  afterPaint(() => (window.bench.listShownAt = performance.now()));
};
conversations.subscribe(soon(drawList));
drawList();

let last = 0;
window.bench = {
  synced: () => chat.status.synced && chat.status.connection === "online",
  async cached() {
    let count = 0;
    for (const { name } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open(name!);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error("not opened"));
      });
      if (database.objectStoreNames.contains("entries")) {
        const counted = database.transaction("entries").objectStore("entries").count();
        count += await new Promise<number>((resolve) => (counted.onsuccess = () => resolve(counted.result)));
      }
      database.close();
    }
    return count;
  },
  open(conversationId) {
    const { timeline } = conversations.get(conversationId)!;
    const draw = (): void => {
      const lines = timeline.messages.slice(-SHOWN);
      fill(
        messages,
        lines.map(({ senderId, text }) => `${senderId}: ${text ?? ""}`),
      );
      last = lines[lines.length - 1]?.messageId ?? 0;
    };
    timeline.subscribe(soon(draw));
    draw();
  },
  shown: () => last,
};
