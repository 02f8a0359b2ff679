import Database from "better-sqlite3";
import { uuidToBytes } from "@chat/protocol";
import { BrowserProfile, type BrowserTab, buildPage } from "../browser/browser-tab.js";
import { fillStore, type StoredConversation } from "../load/fill-store.js";
import { textOf } from "../load/text-of.js";
import { ChatMember } from "../members/chat-member.js";
import { ReadRuns } from "../members/raw-member.js";
import type { Figures } from "../report/figures.js";
import { quantile } from "../report/quantile.js";
import { ServerProcess } from "../subjects/server-process.js";
import type { Rooms } from "../subjects/subject.js";
import type { Effort, Scenario } from "./scenario.js";

/** How long anything may take, ms. */
const PATIENCE = 300_000;
const STARTS = 7;
const LONE_MESSAGES = 100;
const BURST = 10_000;
/** Messages that the sender of a burst has under way. */
const IN_FLIGHT = 200;

/** What is cached, by the name of the case. */
const CASES: Readonly<Record<string, { readonly conversations: number; readonly messages: number }>> = {
  "1,000 conversations": { conversations: 1_000, messages: 100 },
  "10 conversations": { conversations: 10, messages: 100 },
};

/** A server with a history and the page, and a browser that has cached it all. */
async function withCachedChat(
  name: string,
  { smoke, progress }: Effort,
  measure: (
    profile: BrowserProfile,
    origin: string,
    stored: readonly StoredConversation[],
    port: number,
  ) => Promise<Figures>,
): Promise<Figures> {
  const { conversations, messages } = CASES[name]!;
  const size = { conversations: Math.max(2, conversations / (smoke ? 50 : 1)), messages };
  let stored: StoredConversation[] = [];
  const server = await ServerProcess.start(
    "chat-server.ts",
    async (file) => {
      stored = await fillStore(new Database(file), { userId: "ana", ...size, raw: false, progress });
    },
    { CHAT_BENCH_PAGE: await buildPage() },
  );
  const profile = await BrowserProfile.open();
  try {
    const origin = `http://127.0.0.1:${server.port}`;
    const tab = await profile.goTo(pageOf(`${origin}/`, stored));
    await tab.page.waitForFunction(() => window.bench.synced(), undefined, { timeout: PATIENCE });
    const entries = size.conversations * (size.messages + 1);
    await tab.page.waitForFunction(async (all) => (await window.bench.cached()) >= all, entries, {
      timeout: PATIENCE,
      polling: 1_000,
    });
    progress(`${entries} entries of ${size.conversations} conversations are cached`);
    await tab.close();
    return await measure(profile, origin, stored, server.port);
  } finally {
    await profile.close();
    await server.stop();
  }
}

function pageOf(page: string, stored: readonly StoredConversation[]): string {
  return `${page}?conversations=${stored.length}`;
}

/** From the navigation to the list on screen, on a slow processor; and the same of pages without the chat: with as many rows, and empty. */
async function start(name: string, effort: Effort): Promise<Figures> {
  return withCachedChat(name, effort, async (profile, origin, stored) => {
    const pages = {
      chat: pageOf(`${origin}/`, stored),
      rows: pageOf(`${origin}/rows`, stored),
      empty: `${origin}/empty`,
    };
    const times: Record<keyof typeof pages, number[]> = { chat: [], rows: [], empty: [] };
    for (let count = 0; count < (effort.smoke ? 1 : STARTS); count++) {
      for (const name of ["empty", "rows", "chat"] as const) {
        const tab = await profile.goTo(pages[name], true);
        times[name].push(await shownAfter(tab));
        await tab.close();
      }
    }
    const median = (name: keyof typeof pages): number =>
      quantile(
        times[name].sort((a, b) => a - b),
        0.5,
      );
    return {
      emptyPage: median("empty"),
      rowsPage: median("rows"),
      chatPage: median("chat"),
      milliseconds: median("chat") - median("rows"),
      lost: 0,
    };
  });
}

async function shownAfter({ page }: BrowserTab): Promise<number> {
  const shown = await page.waitForFunction(() => window.bench?.listShownAt, undefined, { timeout: PATIENCE });
  return (await shown.jsonValue())!;
}

/** What arrives while somebody looks on: message by message, and many at once. */
async function live(name: string, effort: Effort): Promise<Figures> {
  const scale = effort.smoke ? 50 : 1;
  return withCachedChat(name, effort, async (profile, origin, stored, port) => {
    const { conversationId, head } = stored[0]!;
    const tab = await profile.goTo(pageOf(`${origin}/`, stored));
    await tab.page.waitForFunction(() => window.bench.synced(), undefined, { timeout: PATIENCE });
    await tab.page.evaluate((id) => window.bench.open(id), conversationId);
    const rooms: Rooms = {
      ids: stored.map((conversation) => conversation.conversationId),
      byId: new Map(stored.map((conversation, room) => [conversation.conversationId, room])),
      byBytes: new Map(stored.map((conversation, room) => [latin1Of(conversation.conversationId), room])),
    };
    const sender = await ChatMember.join(port, "bo", rooms, new ReadRuns(), false);
    let sent = 0;
    const shows = (id: number): Promise<unknown> =>
      tab.page.waitForFunction((last) => window.bench.shown() >= last, id, { timeout: PATIENCE });
    const talk = async (): Promise<void> => sender.send(0, textOf(sent++));
    await talk();
    await shows(head + sent);
    const heap = await tab.heap();

    const before = await tab.busy();
    for (let count = 0; count < LONE_MESSAGES / scale; count++) {
      await talk();
      await shows(head + sent);
    }
    const perMessage = ((await tab.busy()) - before) / (LONE_MESSAGES / scale);

    const [begin, busyBefore] = [performance.now(), await tab.busy()];
    const until = sent + BURST / scale;
    const worker = async (): Promise<void> => {
      while (sent < until) await talk();
    };
    await Promise.all(Array.from({ length: IN_FLIGHT / scale }, worker));
    await shows(head + sent);
    const milliseconds = performance.now() - begin;
    const busy = (await tab.busy()) - busyBefore;
    sender.close();
    return { perMessage, milliseconds, busy, heapMegabytes: heap / 1e6, lost: 0 };
  });
}

function latin1Of(id: string): string {
  return Buffer.from(uuidToBytes(id)).toString("latin1");
}

/** The client in a real browser: 11. */
export const BROWSER_SCENARIOS: readonly Scenario[] = [
  {
    name: "browser-start",
    description: `a cached start at a fourth of the processor's speed, until the list is on screen, less the same of a page with such a list and no chat`,
    subjects: Object.keys(CASES),
    needsBrowser: true,
    run: start,
  },
  {
    name: "browser-live",
    description: "messages arrive one by one, then 10,000 at once, in a conversation that is on screen",
    subjects: Object.keys(CASES),
    needsBrowser: true,
    run: live,
  },
];
