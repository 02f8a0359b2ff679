import type { Discovery } from "../../src/index.js";

/** Resolves when all of them answer; their drivers take their time to connect again. */
export async function untilAnswers(discoveries: readonly Discovery[]): Promise<void> {
  for (const discovery of discoveries) {
    while (
      !(await discovery.list().then(
        () => true,
        () => false,
      ))
    ) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
