import { type Entry, ENTRY_KINDS, isSendableKind, kindOf } from "@chat/protocol";

/** They show at what they have redacted. */
const UNSEEN: readonly string[] = [ENTRY_KINDS.redacted, ENTRY_KINDS.erased];
const SHOWN: readonly string[] = Object.values(ENTRY_KINDS).filter((kind) => !UNSEEN.includes(kind));

/** True for an entry that a timeline shows; kinds of newer versions are kept, and not shown. */
export function isShown(entry: Pick<Entry, "kind">): boolean {
  const kind = kindOf(entry);
  return SHOWN.includes(kind) || isSendableKind(kind);
}
