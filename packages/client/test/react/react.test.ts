// @vitest-environment happy-dom
import { act, createElement as h, type ReactNode, StrictMode } from "react";
import { createRoot, hydrateRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryCache } from "../../src/cache/memory-cache.js";
import { type ChatClient, type ChatClientOptions, createChatClient } from "../../src/index.js";
import {
  ChatProvider,
  type TimelineView,
  useChatClient,
  useConnection,
  useConversation,
  useConversations,
  usePresence,
  usePrivacy,
  useTimeline,
  useUser,
} from "../../src/react/index.js";
import { type FakeServer, fakeServer } from "../../src/testing/fake-server.js";
import { type VirtualClock, virtualClock, virtualRuntime } from "../../src/testing/virtual-clock.js";
import "../../src/timeline/open-window.js";

let clock: VirtualClock;
let server: FakeServer;
let root: Root | undefined;
let page: HTMLElement;
let sockets: number;
let seed = 0;

beforeEach(() => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  clock = virtualClock();
  server = fakeServer({ runtime: virtualRuntime(clock, 1) });
  server.createGroup(["ana", "bo"], "room", "The room");
  sockets = 0;
  page = document.createElement("div");
  document.body.append(page);
});

afterEach(async () => {
  await act(async () => root?.unmount());
  root = undefined;
  page.remove();
  await clock.advance(100);
  // Whatever was made is closed.
  expect(server.sessions).toEqual([]);
});

function optionsFor(userId: string): ChatClientOptions {
  const runtime = virtualRuntime(clock, ++seed);
  return {
    url: "wss://chat.test/",
    userId,
    token: "a token",
    runtime,
    cache: memoryCache(runtime),
    transport(url, protocols) {
      sockets++;
      return server.connect(url, protocols);
    },
  };
}

/** Time passes, and the page is rendered. */
const pass = (ms: number): Promise<void> => act(() => clock.advance(ms));

async function render(node: ReactNode): Promise<void> {
  await act(async () => {
    root ??= createRoot(page);
    root.render(node);
  });
}

/** Renders what a hook gives as text. */
function Shown({ use }: { readonly use: () => unknown }): ReactNode {
  return h("p", null, JSON.stringify(use()));
}

const shown = (): unknown => JSON.parse(page.textContent) as unknown;
const inChat = (options: ChatClientOptions, use: () => unknown): ReactNode =>
  h(ChatProvider, { options }, h(Shown, { use }));

describe("the provider", () => {
  test("makes a client where it is mounted, and closes it where it is not any more", async () => {
    await render(inChat(optionsFor("ana"), () => useConnection().connection));
    expect(shown()).toBe("connecting");
    await pass(1_000);
    expect(shown()).toBe("online");
    expect(server.sessions.map(({ userId }) => userId)).toEqual(["ana"]);
    await render(null);
    await pass(100);
    expect(server.sessions).toEqual([]);
  });

  test("makes one client in StrictMode, which mounts everything twice", async () => {
    const options = optionsFor("ana");
    let opened = 0;
    const cache = {
      ...options.cache!,
      load() {
        opened++;
        return options.cache!.load();
      },
    };
    await render(
      h(
        StrictMode,
        null,
        inChat({ ...options, cache }, () => useConnection().connection),
      ),
    );
    await pass(60_000);
    expect(shown()).toBe("online");
    expect({ opened, sockets }).toEqual({ opened: 1, sockets: 1 });
  });

  test("keeps its client through renders, and takes the newest token for the next connection", async () => {
    const options = optionsFor("ana");
    await render(inChat(options, () => useConnection().connection));
    await pass(1_000);
    await render(inChat({ ...options, token: () => "newer" }, () => useConnection().connection));
    await pass(1_000);
    expect(sockets).toBe(1);
    server.cut();
    await pass(5_000);
    const hellos = server.received.flatMap(({ frames }) => frames).filter(({ type }) => type === "hello");
    expect(hellos).toMatchObject([{ token: "a token" }, { token: "newer" }]);
  });

  test("makes another client for another user, and shows nothing of the one before", async () => {
    const rendered: unknown[] = [];
    const use = (): unknown => {
      const seen = [useChatClient()?.userId, useConversations().items.length];
      rendered.push(seen);
      return seen;
    };
    await render(inChat(optionsFor("ana"), use));
    await pass(1_000);
    expect(shown()).toEqual(["ana", 1]);
    rendered.length = 0;
    await render(inChat(optionsFor("eve"), use));
    await pass(1_000);
    expect(shown()).toEqual(["eve", 0]);
    expect(rendered).not.toContainEqual(["ana", 1]);
    expect(server.sessions.map(({ userId }) => userId)).toEqual(["eve"]);
  });

  test("leaves a client that it was given to the application", async () => {
    const client: ChatClient<{ entry: { mood: string } }> = createChatClient(optionsFor("ana"));
    await render(h(ChatProvider, { client }, h(Shown, { use: () => useConnection().connection })));
    await pass(1_000);
    expect(shown()).toBe("online");
    await render(null);
    await pass(1_000);
    expect(client.status.connection).toBe("online");
    await client.close();
  });

  test("is asked for by hooks without one", () => {
    expect(() => renderToString(h(Shown, { use: () => useConnection() }))).toThrow("ChatProvider");
  });
});

test("shows whether a user is there, and watches them while it is mounted", async () => {
  const bo = createChatClient(optionsFor("bo"));
  await render(inChat(optionsFor("ana"), () => usePresence("bo") ?? null));
  expect(shown()).toBe(null);
  await pass(1_000);
  expect(shown()).toEqual({ userId: "bo", status: "online" });
  await bo.close();
  await pass(1_000);
  expect(shown()).toMatchObject({ userId: "bo", status: "offline" });
  await render(null);
});

test("shows what the user tells others, and renders again when that was set", async () => {
  const [one, other] = [createChatClient(optionsFor("ana")), createChatClient(optionsFor("ana"))];
  await render(h(ChatProvider, { client: one }, h(Shown, { use: () => usePrivacy() })));
  await pass(1_000);
  expect(shown()).toMatchObject({ typing: true, readReceipts: true });
  const set = other.setPrivacy({ readReceipts: false });
  await pass(1_000);
  await set;
  expect(shown()).toMatchObject({ typing: true, readReceipts: false });
  await render(null);
  await Promise.all([one.close(), other.close()]);
});

describe("on a server", () => {
  test("nothing is made and everything is empty; the page takes over from there", async () => {
    const options = optionsFor("ana");
    const use = (): unknown => [
      useConnection().connection,
      useConversations().items.length,
      useTimeline("room").messages.length,
      useUser("bo")?.id,
      usePresence("bo")?.status,
    ];
    const html = renderToString(inChat(options, use));
    expect(html).toBe("<p>[&quot;connecting&quot;,0,0,null,null]</p>");
    expect(sockets).toBe(0);
    const complaints: unknown[] = [];
    page.innerHTML = html;
    await act(async () => {
      root = hydrateRoot(page, inChat(options, use), {
        onRecoverableError: (error) => complaints.push(error),
      });
    });
    await pass(1_000);
    expect(shown()).toEqual(["online", 1, 1, "bo", "offline"]);
    expect(complaints).toEqual([]);
  });

  test("a given client that knows much is not shown before the page has taken over", async () => {
    const client = createChatClient(optionsFor("ana"));
    await clock.advance(1_000);
    const tree = h(ChatProvider, { client }, h(Shown, { use: () => useConversations().items.length }));
    const html = renderToString(tree);
    expect(html).toBe("<p>0</p>");
    page.innerHTML = html;
    const complaints: unknown[] = [];
    await act(async () => {
      root = hydrateRoot(page, tree, { onRecoverableError: (error) => complaints.push(error) });
    });
    expect(shown()).toBe(1);
    expect(complaints).toEqual([]);
    await client.close();
  });
});

describe("conversations", () => {
  test("are rendered as they come, change and go", async () => {
    const use = (): unknown => {
      const { items, state } = useConversations();
      return [state, ...items.map(({ summary }) => summary.latest?.snippet)];
    };
    await render(inChat(optionsFor("ana"), use));
    await pass(1_000);
    expect(shown()).toEqual(["complete", null]);
    await act(async () => void server.post("room", "bo", "hello"));
    await pass(100);
    expect(shown()).toEqual(["complete", "hello"]);
    server.removeMembers("room", "bo", ["ana"]);
    await pass(100);
    expect(shown()).toEqual(["complete"]);
  });

  test("of which one is shown render with what is its own alone", async () => {
    server.createGroup(["ana", "bo"], "other", "Another");
    let renders = 0;
    const use = (): unknown => {
      renders++;
      const { summary } = useConversation("room") ?? {};
      return [summary?.name, summary?.latest?.snippet];
    };
    await render(inChat(optionsFor("ana"), use));
    expect(shown()).toEqual([null, null]);
    await pass(1_000);
    expect(shown()).toEqual(["The room", null]);
    const before = renders;
    server.post("other", "bo", "not here");
    await pass(100);
    expect(renders).toBe(before);
    server.post("room", "bo", "here");
    await pass(100);
    expect(shown()).toEqual(["The room", "here"]);
  });

  test("say who is writing in the one that is shown", async () => {
    const bo = createChatClient(optionsFor("bo"));
    await render(inChat(optionsFor("ana"), () => useConversation("room")?.typing ?? null));
    await pass(1_000);
    expect(shown()).toEqual([]);
    bo.conversations.get("room")!.setTyping(true);
    await pass(100);
    expect(shown()).toEqual(["bo"]);
    bo.conversations.get("room")!.setTyping(false);
    await pass(100);
    expect(shown()).toEqual([]);
    await bo.close();
  });

  test("know their users", async () => {
    await render(inChat(optionsFor("ana"), () => useUser("bo")?.name));
    await pass(1_000);
    const bo = createChatClient(optionsFor("bo"));
    await pass(1_000);
    const named = bo.users.setProfile({ name: "Bo" });
    await pass(1_000);
    await named;
    expect(shown()).toBe("Bo");
    await bo.close();
  });
});

describe("a timeline", () => {
  let view: TimelineView;
  let client: ChatClient;
  const rendered: TimelineView[] = [];

  function Timeline({ around }: { readonly around?: number }): ReactNode {
    client = useChatClient()!;
    view = useTimeline("room", { around });
    rendered.push(view);
    return h("p", null, JSON.stringify(view.messages.map(({ text, state }) => [text, state])));
  }

  const timeline = (options: ChatClientOptions, around?: number): ReactNode =>
    h(StrictMode, null, h(ChatProvider, { options }, h(Timeline, around === undefined ? {} : { around })));
  const ids = (): unknown[] => view.messages.map(({ messageId }) => messageId);

  test("shows what is written at once, and once", async () => {
    await render(timeline(optionsFor("ana")));
    await pass(1_000);
    expect(shown()).toEqual([[null, "stored"]]);
    await act(async () => void client.conversations.get("room")!.send("mine"));
    expect(shown()).toEqual([
      [null, "stored"],
      ["mine", "pending"],
    ]);
    await pass(1_000);
    expect(shown()).toEqual([
      [null, "stored"],
      ["mine", "stored"],
    ]);
    expect(view).toMatchObject({ state: "complete", hasOlder: false, hasNewer: false });
  });

  test("pages back, jumps, and comes back to its end", async () => {
    for (let id = 2; id <= 300; id++) server.post("room", "bo", `m${id}`);
    const options = optionsFor("ana");
    await render(timeline(options));
    await pass(1_000);
    const end = ids();
    expect(end.at(-1)).toBe(300);
    const page = view.loadOlder();
    await pass(1_000);
    await page;
    expect(ids().length).toBe(end.length + 50);

    await render(timeline(options, 100));
    expect(view).toMatchObject({ messages: [], state: "filling" });
    await pass(1_000);
    expect(ids()).toContain(100);
    expect(view).toMatchObject({ state: "complete", hasOlder: true, hasNewer: true });
    const newer = view.loadNewer({ limit: 10 });
    await pass(1_000);
    await newer;
    expect(ids()).toHaveLength(60);

    await render(timeline(options, 150));
    expect(ids()).toEqual([]);
    await pass(1_000);
    expect(ids()).toContain(150);
    await render(timeline(options));
    expect(ids().length).toBe(end.length + 50);
  });

  test("does not show a window again that it has closed", async () => {
    for (let id = 2; id <= 300; id++) server.post("room", "bo", `m${id}`);
    const options = optionsFor("ana");
    await render(timeline(options, 100));
    await pass(1_000);
    expect(ids()).toContain(100);
    await render(timeline(options));
    rendered.length = 0;
    await render(timeline(options, 100));
    expect(rendered[0]).toMatchObject({ messages: [], state: "filling" });
    await pass(1_000);
    expect(ids()).toContain(100);
    const older = view.loadOlder({ limit: 10 });
    await pass(1_000);
    await older;
    expect(ids()).toHaveLength(60);
  });

  test("tells why a jump failed", async () => {
    for (let id = 2; id <= 300; id++) server.post("room", "bo", `m${id}`);
    const options = optionsFor("ana");
    await render(timeline(options));
    await pass(1_000);
    client.disconnect();
    await render(timeline(options, 100));
    await pass(31_000);
    expect(view).toMatchObject({ state: "gap", error: { code: "timeout" } });
  });
});
