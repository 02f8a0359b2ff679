import type { SuiteApi } from "@chat/server/testing";

/** How long a case may hang before it has found the defect, ms; those of an adapter in one process take a fraction of it. */
const PATIENCE = 2_000;

/** The case of a suite that this sentence names. */
export function caseOf(declare: (api: SuiteApi) => void, sentence: string): () => Promise<void> {
  const found: (() => Promise<void>)[] = [];
  declare({
    describe: (_, body) => body(),
    it: (name, body) => name === sentence && found.push(body),
  });
  if (found.length !== 1) throw new Error(`There is no case "${sentence}".`);
  return found[0]!;
}

/** What a case says of an adapter; undefined if it passes. */
export async function verdictOf(run: () => Promise<void>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<string>((resolve) => (timer = setTimeout(resolve, PATIENCE, "it hangs")));
  const verdict = run().then(
    () => undefined,
    (error: unknown) => String(error),
  );
  const first = await Promise.race([verdict, hangs]);
  clearTimeout(timer);
  return first;
}
