import { fileURLToPath } from "node:url";
import { type ChatClient, createChatClient } from "@chat/client";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { bundleSources } from "../bundle/bundle-sources.js";
import { bundleClient } from "./world/bundle-client.js";
import { PATIENCE } from "./world/chat-page.js";
import type { Device } from "./world/device.js";
import { story } from "./world/story.js";
import type { Policy, TokenFigures } from "./world/token-figures.js";
import type { World } from "./world/world.js";

/** What the page of these tests holds. */
interface Globals {
  readonly chat: { readonly createChatClient: typeof createChatClient };
  client: ChatClient;
  /** Codes of what the application was told. */
  errors: string[];
}

function tokenServer(): Promise<string> {
  const entry = fileURLToPath(new URL("./world/token-server.ts", import.meta.url));
  return bundleSources(entry, "token-server");
}

async function at(world: World, path: string, body?: string): Promise<string> {
  const url = `http://127.0.0.1:${world.server.port}${path}`;
  const response = await fetch(url, body === undefined ? {} : { method: "POST", body });
  return response.text();
}

async function handOut(world: World, policy: Policy): Promise<void> {
  await at(world, "/policy", policy);
}

async function figuresOf(world: World, userId: string): Promise<TokenFigures> {
  return (JSON.parse(await at(world, "/figures")) as Record<string, TokenFigures>)[userId]!;
}

/** Ana's client in a tab, which gets its tokens from the application as it needs them. */
async function openAna(device: Device): Promise<Page> {
  const { page } = await device.open();
  await page.evaluate(await bundleClient([]));
  await page.evaluate(() => {
    const globals = globalThis as unknown as Globals;
    globals.errors = [];
    globals.client = globals.chat.createChatClient({
      url: "/chat",
      userId: "ana",
      async token() {
        const token = await (await fetch("/token", { method: "POST", body: "ana" })).text();
        if (token === "") throw new Error("no token to be had");
        return token;
      },
    });
    globals.client.on("error", ({ code }) => globals.errors.push(code));
  });
  return page;
}

/** Bo's client in this process; his tokens are as short-lived. */
function openBo(world: World): Promise<ChatClient> {
  const url = `http://127.0.0.1:${world.server.port}/chat`;
  return world.keep(createChatClient({ url, userId: "bo", token: () => at(world, "/token", "bo") }));
}

function send(page: Page, text: string): Promise<void> {
  return page.evaluate(async (text) => {
    const { client } = globalThis as unknown as Globals;
    await client.conversations.items[0]!.send(text);
  }, text);
}

function shown(client: ChatClient): string[] {
  const [room] = client.conversations.items;
  return (room?.timeline.messages ?? []).flatMap(({ text }) => text ?? []);
}

/** Messages on Ana's screen, those that wait with "…" behind. */
function shownToAna(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { client } = globalThis as unknown as Globals;
    const [room] = client.conversations.items;
    return (room?.timeline.messages ?? []).flatMap(({ text, state }) =>
      text === undefined ? [] : state === "pending" ? `${text}…` : text,
    );
  });
}

function connection(page: Page): Promise<string> {
  return page.evaluate(() => (globalThis as unknown as Globals).client.status.connection);
}

function errors(page: Page): Promise<string[]> {
  return page.evaluate(() => (globalThis as unknown as Globals).errors);
}

async function begin(world: World): Promise<{ device: Device; ana: Page; bo: ChatClient }> {
  const bo = await openBo(world);
  const room = await bo.conversations.createDirect("ana");
  await (
    await room.send("begin")
  ).stored;
  // Somebody looks at it.
  room.timeline.subscribe(() => {});
  const device = await world.device();
  const ana = await openAna(device);
  await expect.poll(() => shownToAna(ana), PATIENCE).toEqual(["begin"]);
  return { device, ana, bo };
}

story(
  "the token expires again and again under a connection that is in use: it lasts, and no message is lost or doubled",
  async (world) => {
    const { device, ana, bo } = await begin(world);
    const room = bo.conversations.items[0]!;
    const before = await figuresOf(world, "ana");
    const sent = { a: [] as string[], b: [] as string[] };
    while ((await figuresOf(world, "ana")).issued < before.issued + 5) {
      sent.a.push(`a${sent.a.length}`);
      sent.b.push(`b${sent.b.length}`);
      await Promise.all([send(ana, sent.a.at(-1)!), room.send(sent.b.at(-1)!)]);
    }
    await expect.poll(() => shown(bo).length, PATIENCE).toBe(1 + sent.a.length + sent.b.length);
    const order = shown(bo);
    for (const who of ["a", "b"] as const) {
      expect(order.filter((text) => new RegExp(`^${who}\\d`).test(text))).toEqual(sent[who]);
    }
    await expect.poll(() => shownToAna(ana), PATIENCE).toEqual(order);
    // All of that over the first connection, which asked for one token at a time.
    expect(device.gate.askedWebSockets).toBe(1);
    expect((await figuresOf(world, "ana")).mostUnderWay).toBe(1);
    expect(await errors(ana)).toEqual([]);
  },
  tokenServer,
);

story(
  "no new token is to be had: the application is told, and what is written waits, also for the next start",
  async (world) => {
    const { device, ana, bo } = await begin(world);
    await handOut(world, "refuse");
    await expect.poll(() => device.gate.webSockets, PATIENCE).toBe(0);
    await expect.poll(() => errors(ana), PATIENCE).not.toEqual([]);
    await send(ana, "waits");
    expect(await shownToAna(ana)).toEqual(["begin", "waits…"]);
    await ana.close();
    const next = await openAna(device);
    await expect.poll(() => shownToAna(next), PATIENCE).toEqual(["begin", "waits…"]);
    await send(next, "waits too");
    await handOut(world, "issue");
    const all = ["begin", "waits", "waits too"];
    await expect.poll(() => shownToAna(next), PATIENCE).toEqual(all);
    await expect.poll(() => shown(bo), PATIENCE).toEqual(all);
  },
  tokenServer,
);

story(
  "fresh tokens are refused: the client stops and says so, keeps what is written, and goes on when it is told to",
  async (world) => {
    const { device, ana, bo } = await begin(world);
    await handOut(world, "stale");
    await expect.poll(() => connection(ana), PATIENCE).toBe("stopped");
    expect(await errors(ana)).toContain("unauthenticated");
    const { asked } = await figuresOf(world, "ana");
    await send(ana, "waits");
    await send(ana, "waits too");
    expect(await shownToAna(ana)).toEqual(["begin", "waits…", "waits too…"]);
    // It has stopped: nothing is tried any more.
    expect((await figuresOf(world, "ana")).asked).toBe(asked);
    await handOut(world, "issue");
    await ana.evaluate(() => (globalThis as unknown as Globals).client.connect());
    const all = ["begin", "waits", "waits too"];
    await expect.poll(() => shownToAna(ana), PATIENCE).toEqual(all);
    await expect.poll(() => shown(bo), PATIENCE).toEqual(all);
    expect(device.gate.webSockets).toBe(1);
  },
  tokenServer,
);
