import { DEFAULT_PRIVACY, type UserPrivacy } from "@chat/protocol";

/** What a user tells others, as a database gives it. */
export interface RawPrivacy {
  readonly userId: string;
  readonly version: number;
  /** Some databases have no truth values; null: never set. */
  readonly typing: number | boolean | null;
  readonly readReceipts: number | boolean | null;
}

/** What a user tells others, as users of the store see it. */
export function toPrivacy({ version, typing, readReceipts }: RawPrivacy): UserPrivacy {
  return {
    version,
    typing: Boolean(typing ?? DEFAULT_PRIVACY.typing),
    readReceipts: Boolean(readReceipts ?? DEFAULT_PRIVACY.readReceipts),
  };
}
