import { type Browser, chromium } from "playwright-core";
import { afterAll, expect, test } from "vitest";
import { findBrowser } from "./find-browser.js";
import { SCREENSHOTS } from "./screenshots.js";
import { ServerProcess } from "./server-process.js";
import { World } from "./world.js";

const FLAGS = [
  "--no-sandbox", // root in a container has no other way
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const NO_BROWSER =
  "There is no Chromium, Chrome or Edge here. Install one (Debian: apt-get install chromium), or set CHROME_PATH.";

const executablePath = findBrowser();
let browser: Browser | undefined;

afterAll(async () => {
  await browser?.close();
});

/**
 * A test in a real browser, against a real server that is its own. It fails as well if a page or the server complains of
 * anything. Where there is no browser it is skipped, unless nothing may be (CHAT_REQUIRE_ENGINES=1).
 * @param program gives the path of the server's program; the quickstart by default
 */
export function story(
  name: string,
  tell: (world: World) => Promise<void>,
  program?: () => Promise<string>,
): void {
  if (executablePath === undefined && process.env.CHAT_REQUIRE_ENGINES !== "1") {
    test.skip(name);
    return;
  }
  test(name, async () => {
    if (executablePath === undefined) throw new Error(NO_BROWSER);
    browser ??= await chromium.launch({
      executablePath,
      args: FLAGS,
      // Playwright switches it off; the browsers of people have it.
      ignoreDefaultArgs: ["--disable-back-forward-cache"],
    });
    const world = new World(browser, new ServerProcess(program));
    try {
      await world.server.start();
      await tell(world);
      expect(world.problems).toEqual([]);
    } catch (error) {
      const picture = `${SCREENSHOTS}failed ${name.replace(/[^\w ]/g, "")}`;
      await world.capture(picture);
      const report = [
        `Pictures: ${picture}-*.png`,
        ...world.problems,
        `Server:\n${world.server.output}`,
      ].join("\n");
      console.error(report);
      throw error;
    } finally {
      await world.dispose();
    }
  });
}
