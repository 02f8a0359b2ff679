/**
 * The user id of the person who logs in, or is written to, under a name: "Ana", "ana " and "ANA" are the
 * same person.
 * @returns undefined if the name cannot be one
 */
export function toUserId(name: string): string | undefined {
  const id = name.normalize("NFC").trim().replace(/\s+/g, " ").toLowerCase();
  const isPlain = !/[\p{Cc}\p{Cs}]/u.test(id);
  return isPlain && id.length > 0 && new TextEncoder().encode(id).length <= 60 ? id : undefined;
}
