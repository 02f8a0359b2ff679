/** What the token server does for Ana: hands out tokens, none, or hands out such as have expired. */
export type Policy = "issue" | "refuse" | "stale";

/** How often a user's devices asked for a token. */
export interface TokenFigures {
  asked: number;
  issued: number;
  underWay: number;
  /** The most that were ever under way at once. */
  mostUnderWay: number;
}
