import { ChatError } from "@chat/protocol";

/**
 * Refuses names that nothing is called by. A limit that is misspelt would be none, and nobody would hear of it.
 * @param what they are: `setting`, `option`
 * @throws ChatError `invalid_argument`, with the name that was meant, perhaps
 */
export function assertKnown(what: string, given: object, names: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const near = nearest(name, names);
    const hint = near === undefined ? "" : ` Is it ${near}?`;
    throw new ChatError("invalid_argument", `There is no ${what} ${name}.${hint}`);
  }
}

/** The name that takes the fewest changes, if those are no more than a third of it. */
function nearest(name: string, names: readonly string[]): string | undefined {
  const [first] = names
    .map((one) => ({ one, changes: distance(name.toLowerCase(), one.toLowerCase()) }))
    .filter(({ one, changes }) => changes <= one.length / 3)
    .sort((a, b) => a.changes - b.changes);
  return first?.one;
}

/** How many letters have to be put in, taken out or replaced (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let at = 1; at <= from.length; at++) {
    const next = [at];
    for (let other = 1; other <= to.length; other++) {
      const replaced = row[other - 1]! + (from[at - 1] === to[other - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[other]! + 1, next[other - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
