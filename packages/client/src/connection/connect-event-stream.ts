import type { Socket } from "./socket.js";

/** Bytes that go into one POST. No frame that comes in numbers is shorter than 16 bytes: no more than a message may hold. */
const POST_BYTES = 8_192;
const LOST = 1006;

/**
 * A socket over plain HTTP: one answer of server-sent events that does not end, and POSTs, one after the other.
 * @param opened called when the server has opened the stream
 * @param ended called once, when it is over
 */
export function connectEventStream(url: string, opened: () => void, ended: () => void): Socket {
  const target = new URL(url.replace(/^ws/, "http"));
  target.pathname = target.pathname.replace(/\/?$/, "/stream");
  const controller = new AbortController();
  const { signal } = controller;
  let waiting: Uint8Array[] = [];
  let posting = false;
  let posted = 0;
  let over = false;
  let id: string;

  const socket: Socket = {
    binaryType: "arraybuffer",
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send(bytes) {
      waiting.push(bytes);
      if (!posting) void post().catch(() => end(LOST));
    },
    close: (code = 1000) => end(code),
  };

  function end(code: number): void {
    if (over) return;
    over = true;
    controller.abort();
    ended();
    socket.onclose?.({ code });
  }

  /** One at a time, so that they arrive in order; what came up meanwhile goes with the next. */
  async function post(): Promise<void> {
    posting = true;
    while (waiting.length > 0) {
      let count = 1;
      let bytes = waiting[0]!.length;
      while (count < waiting.length && bytes + waiting[count]!.length <= POST_BYTES) {
        bytes += waiting[count++]!.length;
      }
      const answer = await fetch(target, {
        method: "POST",
        headers: { "content-type": "application/octet-stream", "chat-stream": `${id};${posted++}` },
        body: new Blob(waiting.slice(0, count) as BlobPart[]),
        signal,
      });
      waiting = waiting.slice(count);
      if (!answer.ok) return end(LOST);
    }
    posting = false;
  }

  function take(event: string): void {
    const [, name, data] = /^(?:event: (\w+)\n)?data: (.*)$/.exec(event) ?? [];
    if (data === undefined) return;
    if (name === "open") {
      id = data;
      opened();
      socket.onopen?.();
    } else if (name === "close") end(Number(data));
    else if (!name) {
      socket.onmessage?.({ data: Uint8Array.from(atob(data), (byte) => byte.charCodeAt(0)).buffer });
    }
  }

  async function receive(): Promise<void> {
    const answer = await fetch(target, {
      headers: { accept: "text/event-stream" },
      cache: "no-store",
      signal,
    });
    if (!answer.ok) return;
    const reader = answer.body!.getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = (text + decoder.decode(value, { stream: true })).split("\n\n");
      text = events.pop()!;
      for (const event of events) if (!over) take(event);
    }
  }

  // Not before its handlers are set.
  void Promise.resolve()
    .then(receive)
    .catch(() => {})
    .then(() => end(LOST));
  return socket;
}
