import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ChatClient, createChatClient } from "@chat/client";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { bundleClient } from "./world/bundle-client.js";
import { PATIENCE } from "./world/chat-page.js";
import { story } from "./world/story.js";
import type { World } from "./world/world.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Tab {
  readonly createChatClient: typeof createChatClient;
  client: ChatClient;
}

/** A tab of a page that uses one build, on the origin of the server. */
async function openTab(page: Page, script: string, userId: string, token: string): Promise<Page> {
  await page.route("**/builds", (route) =>
    route.fulfill({ contentType: "text/html", body: "<!doctype html>" }),
  );
  await page.goto("/builds");
  await page.evaluate(script);
  await page.evaluate(
    ([userId, token]) => {
      const tab = (globalThis as unknown as { chat: Tab }).chat;
      const holder = globalThis as unknown as { client: ChatClient };
      holder.client = tab.createChatClient({ url: "/chat", userId: userId!, token: token! });
    },
    [userId, token],
  );
  return page;
}

/** The texts that a tab shows of its newest conversation, each with its state. */
function texts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { client } = globalThis as unknown as { client: ChatClient };
    const [room] = client.conversations.items;
    return (room?.timeline.messages ?? [])
      .filter(({ kind }) => kind === "text")
      .map(({ text, state }) => `${text} ${state}`);
  });
}

function send(page: Page, text: string): Promise<void> {
  return page.evaluate(async (text) => {
    const { client } = globalThis as unknown as { client: ChatClient };
    await client.conversations.items[0]!.send(text);
  }, text);
}

async function logIn(world: World, name: string): Promise<{ userId: string; token: string }> {
  const response = await fetch(`http://127.0.0.1:${world.server.port}/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name }),
  });
  return (await response.json()) as { userId: string; token: string };
}

story(
  "tabs of one device may run different builds, and each goes on with what another has stored",
  async (world) => {
    const [readable, small] = await Promise.all([bundleClient(["development"]), bundleClient([])]);
    const bo = await world.client("Bo");
    const { userId, token } = await logIn(world, "Ana");
    const room = await bo.conversations.createDirect(userId);
    await (
      await room.send("first")
    ).stored;
    const device = await world.device();
    const expected = ["first stored"];

    for (const [one, other] of [
      [readable, small],
      [small, readable],
    ] as const) {
      const leader = await openTab((await device.open()).page, one, userId, token);
      await expect.poll(() => texts(leader), PATIENCE).toEqual(expected);
      const follower = await openTab((await device.open()).page, other, userId, token);
      await expect.poll(() => texts(follower), PATIENCE).toEqual(expected);
      // What the one sends goes by way of the other, and is seen in both.
      for (const [tab, text] of [
        [follower, "by who follows"],
        [leader, "by who leads"],
      ] as const) {
        await send(tab, text);
        expected.push(`${text} stored`);
        for (const each of [leader, follower])
          await expect.poll(() => texts(each), PATIENCE).toEqual(expected);
      }
      // Now the other build leads, with what this one has stored.
      await leader.close();
      await send(follower, "alone");
      expected.push("alone stored");
      await expect.poll(() => texts(follower), PATIENCE).toEqual(expected);
      await device.goOffline();
      await send(follower, "offline");
      expected.push("offline pending");
      await expect.poll(() => texts(follower), PATIENCE).toEqual(expected);
      await follower.close();
      await device.goOnline();
      expected[expected.length - 1] = "offline stored";
    }
  },
);

story("the page of the quickstart is made of the build for browsers", async (world) => {
  const page = await (await fetch(`http://127.0.0.1:${world.server.port}/`)).text();
  const [, script] = /<script[^>]* src="([^"]+)"/.exec(page) ?? [];
  const code = await (await fetch(`http://127.0.0.1:${world.server.port}${script}`)).text();
  expect(code).toContain("see docs/errors.md#");
  expect(code).not.toContain("No failed message has this key");
  expect(readFileSync(`${root}packages/client/dist/index.js`, "utf8")).toContain(
    "No failed message has this key",
  );
});

/** A page without a worker, which would have all files already. */
function keepWorkerOut(): void {
  // about:blank has none.
  if ("serviceWorker" in navigator) navigator.serviceWorker.register = () => new Promise(() => {});
}

story("a part of the client that gets lost is loaded with the next try to connect", async (world) => {
  const device = await world.device({ before: keepWorkerOut });
  // From here on the browser may complain of what it can't load.
  await device.goOffline();
  await device.goOnline();
  const page = await device.open();
  const asked: string[] = [];
  await page.page.route("**/client-codec-*.js", async (route) => {
    asked.push(/client-codec-(again)?/.exec(route.request().url())![0]);
    await (asked.length === 1 ? route.abort() : route.continue());
  });
  await page.logIn("Ana");
  await page.waitUntilSynced();
  expect(asked).toEqual(["client-codec-", "client-codec-again"]);
});
