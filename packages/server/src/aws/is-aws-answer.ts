/**
 * True for what AWS itself has said, and for credentials that are missing: its exceptions tell whose fault it was, and a lost connection
 * does not. Nothing of it goes away by waiting.
 */
export function isAwsAnswer(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  return Object.hasOwn(error, "$fault") || (error as { name?: unknown }).name === "CredentialsProviderError";
}
