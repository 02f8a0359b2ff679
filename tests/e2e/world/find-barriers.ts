import axe from "axe-core";
import type { Page } from "playwright-core";

/** By axe's tags: WCAG 2.2, levels A and AA. */
const STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/**
 * What axe finds on the page that keeps somebody from using it.
 * @returns a line for each: the rule, what it wants, where
 */
export async function findBarriers(page: Page): Promise<string[]> {
  // Evaluated by the browser's tools, so the page's CSP has no say.
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async (tags) => {
    const { axe: inPage } = window as unknown as { axe: typeof axe };
    return (await inPage.run({ runOnly: tags })).violations;
  }, STANDARD);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${id}: ${help}: ${target.join(" ")} (${failureSummary ?? ""})`,
    ),
  );
}
