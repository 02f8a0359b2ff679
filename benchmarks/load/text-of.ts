const FILLER = "the quick brown fox jumps over the lazy dog, ";

/** A message of 100 characters, another for each number. */
export function textOf(number: number): string {
  return `${number} `.padEnd(100, FILLER);
}

/** True if it is one of these. */
export function isTextOf(text: string): boolean {
  return textOf(Number.parseInt(text, 10)) === text;
}
