import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";
import { SCREENSHOTS, WANTS_SCREENSHOTS } from "./screenshots.js";

/** For `expect.poll`. After a server was gone for a while, a client may wait for 16 seconds before it tries again. */
export const PATIENCE = { timeout: 30_000, interval: 50 };

/** One message as it is on the screen. */
export interface ShownMessage {
  readonly text: string;
  /** Present on own messages. */
  readonly state?: string;
}

/** A tab with the quickstart in it: what one can do there, and what one sees. */
export class ChatPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  get(testId: string): Locator {
    return this.page.getByTestId(testId);
  }

  /** Logs in on the first screen, and waits until the conversations are there. */
  async logIn(name: string): Promise<void> {
    await this.get("login-name").fill(name);
    await this.get("login-submit").click();
    await this.waitUntilSynced();
  }

  async waitUntilSynced(): Promise<void> {
    const status = this.get("connection-status");
    await expect
      .poll(
        async () => [await status.getAttribute("data-connection"), await status.getAttribute("data-synced")],
        {
          ...PATIENCE,
          message: "online, and everything fetched",
        },
      )
      .toEqual(["online", "true"]);
  }

  /** Waits until the service worker has what opens the page offline. */
  async waitUntilKept(): Promise<void> {
    const state = (): Promise<string | undefined> =>
      this.page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state);
    await expect.poll(state, { ...PATIENCE, message: "the service worker" }).toBe("activated");
  }

  /** The conversation of that name in the list. */
  conversation(name: string): Locator {
    return this.get("conversation-item").filter({
      has: this.page.getByTestId("conversation-name").and(this.page.getByText(name, { exact: true })),
    });
  }

  /** Opens a conversation from the list. */
  async openConversation(name: string): Promise<void> {
    await this.conversation(name).getByRole("link").click();
    await this.waitUntilOpen(name);
  }

  async waitUntilOpen(name: string): Promise<void> {
    await expect.poll(() => this.get("conversation-title").textContent(), PATIENCE).toBe(name);
  }

  /** Begins a conversation with one person. */
  async startDirect(name: string): Promise<void> {
    await this.#leaveConversation();
    await this.get("new-direct").click();
    await this.get("direct-name").fill(name);
    await this.get("direct-submit").click();
    await this.get("direct-name").waitFor({ state: "hidden" });
  }

  async createGroup(name: string, members: string): Promise<void> {
    await this.#leaveConversation();
    await this.get("new-group").click();
    await this.get("group-name").fill(name);
    await this.get("group-members").fill(members);
    await this.get("group-submit").click();
    await this.waitUntilOpen(name);
  }

  /** Writes messages and sends each with Enter, without waiting for what becomes of it. */
  async send(...texts: string[]): Promise<void> {
    for (const text of texts) {
      await this.get("composer").fill(text);
      await this.get("composer").press("Enter");
    }
  }

  /** The messages on the screen, in order. */
  async messages(): Promise<ShownMessage[]> {
    return this.get("message").evaluateAll((rows) =>
      rows.map((row) => {
        const text = row.querySelector("[data-testid=message-text]")?.textContent ?? "";
        const state = row.getAttribute("data-state");
        return state === null ? { text } : { text, state };
      }),
    );
  }

  async texts(): Promise<string[]> {
    return (await this.messages()).map(({ text }) => text);
  }

  /** Waits until exactly these messages are on the screen, in this order. */
  async expectTexts(texts: readonly string[]): Promise<void> {
    await expect.poll(() => this.texts(), PATIENCE).toEqual(texts);
  }

  /** Waits until the own messages on the screen have these states, in this order. */
  async expectStates(states: readonly string[]): Promise<void> {
    const own = async (): Promise<unknown[]> =>
      (await this.messages()).flatMap(({ state }) => (state === undefined ? [] : [state]));
    await expect.poll(own, PATIENCE).toEqual(states);
  }

  /** Waits until no message waits on this device any more. */
  async waitUntilAllSent(): Promise<void> {
    await expect.poll(() => this.get("connection-status").getAttribute("data-pending"), PATIENCE).toBe("0");
  }

  async expectBanner(shown: "shown" | "hidden"): Promise<void> {
    const banner = this.get("offline-banner");
    const state = async (): Promise<string> =>
      (await banner.evaluate((node) => node.classList.contains("shown"))) ? "shown" : "hidden";
    await expect.poll(state, { ...PATIENCE, message: `banner ${shown}` }).toBe(shown);
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.waitUntilSynced();
  }

  async close(): Promise<void> {
    await this.page.close();
  }

  /** A picture to look at, where CHAT_SCREENSHOTS=1 asks for them. */
  async picture(name: string): Promise<void> {
    if (WANTS_SCREENSHOTS) await this.page.screenshot({ path: `${SCREENSHOTS}${name}.png` });
  }

  /** Checks that nothing is wider than the screen. */
  async expectFits(): Promise<void> {
    const widths = await this.page.evaluate(() => {
      const scroller = document.getElementById("scroller");
      return {
        page: document.documentElement.scrollWidth - innerWidth,
        messages: (scroller?.scrollWidth ?? 0) - (scroller?.clientWidth ?? 0),
      };
    });
    expect(widths).toEqual({ page: 0, messages: 0 });
  }

  /** On a phone the list and a conversation take turns. */
  async #leaveConversation(): Promise<void> {
    if (await this.get("back").isVisible()) await this.get("back").click();
  }
}
