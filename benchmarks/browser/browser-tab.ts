import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from "playwright-core";
import { findBrowser } from "../../tests/e2e/world/find-browser.js";

/** How much slower the processor is made for a start: a phone of the middle class. */
const THROTTLING = 4;

/** The page of page.ts as one script, as a bundler would ship it. */
export async function buildPage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    // What the package's exports say, and not where the sources lie.
    tsconfigRaw: "{}",
  });
  return outputFiles[0]!.text;
}

/** A browser with one profile: what a page has stored is there for the next one. */
export class BrowserProfile {
  private constructor(
    private readonly browser: Browser,
    private readonly context: BrowserContext,
  ) {}

  /** @throws Error where there is no Chromium */
  static async open(): Promise<BrowserProfile> {
    const executablePath = findBrowser();
    if (executablePath === undefined) throw new Error("This needs Chromium, Chrome or Edge.");
    const browser = await chromium.launch({
      executablePath,
      args: [
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    return new BrowserProfile(browser, await browser.newContext());
  }

  /** @param slow on a processor that is throttled from the first byte on */
  async goTo(url: string, slow = false): Promise<BrowserTab> {
    const page = await this.context.newPage();
    const session = await this.context.newCDPSession(page);
    await session.send("Performance.enable");
    await session.send("HeapProfiler.enable");
    if (slow) await session.send("Emulation.setCPUThrottlingRate", { rate: THROTTLING });
    await page.goto(url);
    return new BrowserTab(page, session);
  }

  close(): Promise<void> {
    return this.browser.close();
  }
}

/** One page that is open, and what it costs. */
export class BrowserTab {
  constructor(
    readonly page: Page,
    private readonly session: CDPSession,
  ) {}

  /** ms that the page's thread was busy so far. */
  async busy(): Promise<number> {
    const { metrics } = await this.session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")!.value * 1_000;
  }

  /** Bytes of the heap, right after a collection. */
  async heap(): Promise<number> {
    await this.session.send("HeapProfiler.collectGarbage");
    const { metrics } = await this.session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "JSHeapUsedSize")!.value;
  }

  close(): Promise<void> {
    return this.page.close();
  }
}
