import type { Browser, BrowserContext, BrowserContextOptions } from "playwright-core";
import { ChatPage, PATIENCE } from "./chat-page.js";
import { Gate } from "./gate.js";
import type { ServerProcess } from "./server-process.js";

/** What a device looks like. */
export interface DeviceOptions {
  readonly form?: "desktop" | "phone";
  readonly colorScheme?: "light" | "dark";
  /** Whether the network lets no WebSocket through. */
  readonly refusesWebSockets?: boolean;
  /** Runs in every page before the page's own scripts. */
  readonly before?: () => void;
}

const FORMS: Record<"desktop" | "phone", BrowserContextOptions> = {
  desktop: { viewport: { width: 1200, height: 800 } },
  phone: { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
};
/** How Chromium tells in its console that the network is gone, whatever the page does about it. */
const NETWORK_COMPLAINT = /net::ERR_|WebSocket connection to .* failed|Failed to fetch/;

/** A context of its own is private, where Chromium has no push service. */
const PRIVATE = /does not support the Push API in incognito mode/;

/** What a page sends in the moment in which the server closes; it is lost like all that a closed connection has not answered. */
const CLOSING = /WebSocket is already in CLOSING or CLOSED state/;

/** A browser with storage and network of its own. */
export class Device {
  readonly gate: Gate;
  readonly #context: BrowserContext;
  readonly #server: ServerProcess;
  readonly #problems: string[] = [];

  private constructor(context: BrowserContext, gate: Gate, server: ServerProcess) {
    this.#context = context;
    this.gate = gate;
    this.#server = server;
    context.on("weberror", (thrown) => {
      const { name, message, stack } = thrown.error();
      // A SyntaxError has an empty one.
      this.#problems.push(`uncaught: ${stack || `${name}: ${message}`}`);
    });
    context.on("console", (message) => {
      if (message.type() === "error" && ![PRIVATE, CLOSING].some((known) => known.test(message.text())))
        this.#problems.push(`${message.text()} (${message.location().url})`);
    });
    context.on("dialog", (dialog) => {
      this.#problems.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss().catch(() => {});
    });
  }

  static async create(browser: Browser, server: ServerProcess, options: DeviceOptions): Promise<Device> {
    const { form = "desktop", colorScheme = "light", refusesWebSockets = false, before } = options;
    const gate = await Gate.to(server.port, refusesWebSockets);
    const context = await browser.newContext({
      ...FORMS[form],
      colorScheme,
      baseURL: gate.origin,
      locale: "en-GB",
      timezoneId: "Europe/Vienna",
      reducedMotion: "reduce",
    });
    context.setDefaultTimeout(PATIENCE.timeout);
    if (before) await context.addInitScript(before);
    return new Device(context, gate, server);
  }

  /** A new tab. */
  async open(): Promise<ChatPage> {
    const page = await this.#context.newPage();
    await page.goto("/");
    return new ChatPage(page);
  }

  /** Cuts everything, and the browser knows. */
  async goOffline(): Promise<void> {
    this.gate.close();
    await this.#context.setOffline(true);
  }

  async goOnline(): Promise<void> {
    this.gate.open();
    await this.#context.setOffline(false);
  }

  /** Errors that nobody expected: uncaught ones, those in the console (among them what the page's CSP forbade), dialogs. */
  get problems(): readonly string[] {
    if (!this.gate.wasCut && !this.#server.wasKilled && this.gate.refusedWebSockets === 0)
      return this.#problems;
    return this.#problems.filter((problem) => !NETWORK_COMPLAINT.test(problem));
  }

  /** Pictures of all tabs, for who wants to see why a test failed. */
  async capture(path: string): Promise<void> {
    for (const [index, page] of this.#context.pages().entries()) {
      await page.screenshot({ path: `${path}-${index}.png` }).catch(() => {});
    }
  }

  async dispose(): Promise<void> {
    await this.#context.close();
    await this.gate.end();
  }
}
