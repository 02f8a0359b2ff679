import { isChatError, LIMITS } from "@chat/protocol";
import { afterEach, describe, expect, test, vi } from "vitest";
import * as CLIENT_LIMITS from "../../src/client-limits.js";
import { createFrameWriter } from "../../src/connection/frame-writer.js";
import { pageSignals } from "../../src/connection/network-signals.js";
import { resolveUrl } from "../../src/connection/resolve-url.js";
import { backoff } from "../../src/runtime/backoff.js";
import { seededRandom } from "../../src/testing/virtual-clock.js";

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("the URL", () => {
  test.each([
    ["wss://chat.test/x?y=1", "wss://chat.test/x?y=1"],
    ["https://chat.test/chat#top", "wss://chat.test/chat"],
    ["http://localhost:3000", "ws://localhost:3000/"],
  ])("%s becomes %s", (given, resolved) => {
    expect(resolveUrl(given)).toBe(resolved);
  });

  test("may be a path in a page", () => {
    vi.stubGlobal("location", { href: "https://app.test/rooms/1?x" });
    expect(resolveUrl("/chat")).toBe("wss://app.test/chat");
  });

  test.each(["/chat", "ftp://chat.test", "", "wss://"])("%j is refused where there is no page", (given) => {
    let thrown: unknown;
    try {
      resolveUrl(given);
    } catch (error) {
      thrown = error;
    }
    expect(isChatError(thrown) && thrown.code).toBe("invalid_argument");
  });
});

describe("frames of one turn", () => {
  test("travel in one message", async () => {
    const messages: Uint8Array[] = [];
    const write = createFrameWriter((message) => messages.push(message));
    write(Uint8Array.of(1, 2));
    write(Uint8Array.of(3));
    expect(messages).toEqual([]);
    await Promise.resolve();
    expect(messages).toEqual([Uint8Array.of(1, 2, 3)]);
    write(Uint8Array.of(4));
    await Promise.resolve();
    expect(messages[1]).toEqual(Uint8Array.of(4));
  });

  test("travel in as few as the limits allow", async () => {
    const messages: Uint8Array[] = [];
    const write = createFrameWriter((message) => messages.push(message));
    for (let count = 0; count < LIMITS.framesPerWireMessage + 1; count++) write(Uint8Array.of(0x90));
    await Promise.resolve();
    expect(messages.map(({ length }) => length)).toEqual([LIMITS.framesPerWireMessage, 1]);
    messages.length = 0;
    for (let count = 0; count < 3; count++) write(new Uint8Array(LIMITS.wireMessageBytes / 2));
    await Promise.resolve();
    expect(messages.map(({ length }) => length)).toEqual([
      LIMITS.wireMessageBytes,
      LIMITS.wireMessageBytes / 2,
    ]);
  });
});

test("the backoff is random between 0 and a cap that grows by the same up to its limit", () => {
  const random = seededRandom(3);
  for (let attempt = 0; attempt < 2_000; attempt++) {
    const delay = backoff(random, attempt);
    expect(delay).toBeGreaterThanOrEqual(0);
    expect(delay).toBeLessThan(Math.min(CLIENT_LIMITS.backoffCap, CLIENT_LIMITS.backoffStep * (attempt + 1)));
  }
  expect(backoff({ ...random, float: () => 0.999 }, 1_999)).toBeCloseTo(CLIENT_LIMITS.backoffCap * 0.999);
});

describe("the page's signals", () => {
  test("are none where there is no page", () => {
    vi.stubGlobal("document", undefined);
    vi.stubGlobal("addEventListener", undefined);
    pageSignals().subscribe(() => {})();
  });

  test("wake up on what may bring the network back, tell when the page is put away, and let go of every listener", () => {
    const listeners = new Map<string, () => void>();
    const target = {
      addEventListener: (event: string, listener: () => void) => void listeners.set(event, listener),
      removeEventListener: (event: string, listener: () => void) => {
        if (listeners.get(event) === listener) listeners.delete(event);
      },
    };
    const page = { ...target, visibilityState: "hidden" };
    vi.stubGlobal("addEventListener", target.addEventListener);
    vi.stubGlobal("removeEventListener", target.removeEventListener);
    vi.stubGlobal("document", page);
    let woken = 0;
    let suspended = 0;
    const unsubscribe = pageSignals().subscribe(
      () => woken++,
      () => suspended++,
    );
    const events = ["freeze", "online", "pagehide", "pageshow", "resume", "visibilitychange"];
    expect([...listeners.keys()].sort()).toEqual(events);
    listeners.get("visibilitychange")!();
    expect(woken).toBe(0);
    page.visibilityState = "visible";
    for (const listener of listeners.values()) listener();
    expect(woken).toBe(4);
    expect(suspended).toBe(2);
    unsubscribe();
    expect(listeners.size).toBe(0);
  });
});
