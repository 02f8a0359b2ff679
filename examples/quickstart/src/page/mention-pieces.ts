/** Somebody who can be mentioned, by the name that stands in a text behind an @. */
export interface Mentionable {
  readonly userId: string;
  readonly name: string;
}

/** A piece of a text: words, or the mention of somebody. */
export interface TextPiece {
  readonly text: string;
  readonly userId?: string;
}

/** A text in pieces, so that the mentions of these people can be told from the rest. Of two names the longer one counts. */
export function mentionPieces(text: string, people: readonly Mentionable[]): readonly TextPiece[] {
  const named = people.filter(({ name }) => name !== "");
  if (named.length === 0) return [{ text }];
  const byName = new Map(named.map(({ userId, name }) => [name, userId]));
  const names = [...byName.keys()].sort((left, right) => right.length - left.length).map(escapeForRegExp);
  const mention = new RegExp(`@(${names.join("|")})(?![\\p{L}\\p{N}])`, "gu");
  const pieces: TextPiece[] = [];
  let end = 0;
  for (const { 0: whole, 1: name = "", index } of text.matchAll(mention)) {
    if (index > end) pieces.push({ text: text.slice(end, index) });
    pieces.push({ text: whole, userId: byName.get(name)! });
    end = index + whole.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

function escapeForRegExp(name: string): string {
  return name.replace(/[\\^$.*+?()[\]{}|/-]/g, (character) =>
    character === "-" ? "\\x2d" : `\\${character}`,
  );
}
