import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  canPush,
  renewPush,
  showPushes,
  subscribeToPush,
  unsubscribeFromPush,
} from "../../src/push/index.js";
import { createWorld, type World } from "../world.js";

let world: World;
beforeEach(() => {
  world = createWorld();
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await world.close();
});

/** What a browser has for Web Push; its push service gives out endpoints. */
function browser({ permission = "granted", worker = true } = {}) {
  let subscription: { key: string; endpoint: string } | undefined;
  let subscribed = 0;
  const asked: string[] = [];
  const present = () =>
    subscription && {
      options: {
        applicationServerKey: Uint8Array.from(atob(subscription.key), (c) => c.charCodeAt(0)).buffer,
      },
      toJSON: () => ({ endpoint: subscription!.endpoint, keys: { p256dh: "p", auth: "a" } }),
      async unsubscribe() {
        subscription = undefined;
        return true;
      },
    };
  const registration = {
    pushManager: {
      getSubscription: async () => present() ?? null,
      async subscribe({ applicationServerKey }: { applicationServerKey: string }) {
        subscription = { key: applicationServerKey, endpoint: `https://push.example/${++subscribed}` };
        return present()!;
      },
    },
  };
  const notification = {
    permission,
    async requestPermission() {
      asked.push("permission");
      return permission;
    },
  };
  vi.stubGlobal("navigator", {
    serviceWorker: {
      ready: worker ? Promise.resolve(registration) : new Promise(() => {}),
      getRegistration: async () => (worker ? registration : undefined),
    },
  });
  vi.stubGlobal("PushManager", class {});
  vi.stubGlobal("Notification", notification);
  return { asked, registration, subscribedWith: () => subscription };
}

/** What the fake server was told, in order. */
function told(): unknown[] {
  return world.server.received.flatMap(({ frames }) =>
    frames.flatMap((frame) =>
      frame.type === "set-push" ? [frame.target?.["endpoint"] ?? frame.provider] : [],
    ),
  );
}

async function run<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await world.clock.advance(1_000);
  return promise;
}

test("subscribes with the server's key, once the user allows it", async () => {
  const { asked, subscribedWith } = browser();
  const ana = world.device("ana");
  expect(await run(renewPush(ana))).toBeUndefined();
  expect(asked).toEqual([]);
  const state = await run(subscribeToPush(ana));
  expect(state).toEqual({ providers: [{ name: "web-push", publicKey: "AQID" }], provider: "web-push" });
  expect(subscribedWith()).toEqual({ key: "AQID", endpoint: "https://push.example/1" });
  expect(asked).toEqual(["permission"]);
  // Each start says it anew, and asks nobody.
  await run(renewPush(ana));
  expect(told()).toEqual(["https://push.example/1", "https://push.example/1"]);
  expect(asked).toEqual(["permission"]);
});

test("begins anew when the server has other keys", async () => {
  const { registration, subscribedWith } = browser();
  await registration.pushManager.subscribe({ applicationServerKey: "BBBB" });
  await run(renewPush(world.device("ana")));
  expect(subscribedWith()).toEqual({ key: "AQID", endpoint: "https://push.example/2" });
  expect(told()).toEqual(["https://push.example/2"]);
});

test("takes the subscription back at both ends", async () => {
  const { subscribedWith } = browser();
  const ana = world.device("ana");
  await run(subscribeToPush(ana));
  await run(unsubscribeFromPush(ana));
  expect(subscribedWith()).toBeUndefined();
  expect(told()).toEqual(["https://push.example/1", undefined]);
  expect(await run(ana.push())).not.toHaveProperty("provider");
});

test("waits for no service worker where there is none: a log-out goes on", async () => {
  browser({ worker: false });
  const ana = world.device("ana");
  const done: string[] = [];
  void renewPush(ana).then((state) => done.push(`renewed ${state?.provider}`));
  await run(Promise.resolve());
  void unsubscribeFromPush(ana).then(() => done.push("unsubscribed"));
  await run(Promise.resolve());
  expect(done).toEqual(["renewed undefined", "unsubscribed"]);
});

test("says why it can't", async () => {
  const ana = world.device("ana");
  expect(canPush()).toBe(false);
  await expect(run(subscribeToPush(ana))).rejects.toMatchObject({ code: "unsupported" });
  browser({ permission: "denied" });
  await expect(run(subscribeToPush(ana))).rejects.toMatchObject({ code: "forbidden" });
  expect(told()).toEqual([]);
});

/** A service worker's `self`. */
function worker(pages: { visibilityState: string }[] = []) {
  const listeners = new Map<string, (event: never) => void>();
  const shown: [string, object][] = [];
  const opened: string[] = [];
  const scope = {
    addEventListener: (type: string, listener: (event: never) => void) => void listeners.set(type, listener),
    registration: {
      showNotification: async (title: string, options: object) => void shown.push([title, options]),
    },
    clients: {
      matchAll: async () =>
        pages.map((page) => ({
          ...page,
          focus: async () => void opened.push("focus"),
          navigate: async (url: string) => void opened.push(url),
        })),
      openWindow: async (url: string) => void opened.push(`new ${url}`),
    },
  };
  async function fire(type: string, event: object): Promise<void> {
    const waiting: Promise<unknown>[] = [];
    listeners.get(type)!({
      ...event,
      waitUntil: (promise: Promise<unknown>) => waiting.push(promise),
    } as never);
    await Promise.all(waiting);
  }
  const push = (value: unknown) =>
    fire("push", { data: { json: () => JSON.parse(JSON.stringify(value)) as unknown } });
  const click = (data: unknown) => fire("notificationclick", { notification: { data, close: () => {} } });
  return { scope, shown, opened, push, click };
}

const notice = {
  conversationId: "room",
  conversationName: "Room",
  senderId: "ana",
  text: "hello",
  unread: 3,
  createdAt: 7,
};

test("shows one notification a conversation, and nothing on the screen of somebody who looks at it", async () => {
  const closed = worker([{ visibilityState: "hidden" }]);
  showPushes(closed.scope);
  await closed.push(notice);
  await closed.push({ conversationId: "pair", senderName: "Bo" });
  const common = { renotify: true };
  expect(closed.shown).toEqual([
    ["ana · Room (3)", { ...common, body: "hello", tag: "room", data: notice, timestamp: 7 }],
    ["Bo", { ...common, tag: "pair", data: { conversationId: "pair", senderName: "Bo" } }],
  ]);
  await closed.push({ conversationId: "room", senderName: "Bo", mention: true });
  expect(closed.shown.pop()?.[0]).toBe("@ Bo");
  // Not the chat's.
  for (const other of [undefined, null, 7, "x", {}, { conversationId: 7 }]) await closed.push(other ?? null);
  expect(closed.shown).toHaveLength(2);
  const open = worker([{ visibilityState: "hidden" }, { visibilityState: "visible" }]);
  showPushes(open.scope);
  await open.push(notice);
  expect(open.shown).toEqual([]);
});

test("looks and opens as the application wants it", async () => {
  const { scope, shown, opened, push, click } = worker();
  showPushes(scope, {
    show: ({ unread }) => (unread === 3 ? { title: "New", icon: "/i.png" } : undefined),
    open: ({ conversationId }) => `/#/${conversationId}`,
  });
  await push(notice);
  await push({ ...notice, unread: 4 });
  expect(shown).toMatchObject([["New", { icon: "/i.png" }]]);
  await click(notice);
  await click({ of: "the application" });
  expect(opened).toEqual(["new /#/room"]);
  const other = worker([{ visibilityState: "hidden" }]);
  showPushes(other.scope);
  await other.click(notice);
  expect(other.opened).toEqual(["focus", "/"]);
});
