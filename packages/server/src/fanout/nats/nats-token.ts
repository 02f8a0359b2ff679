/** An application's text as a part of a subject, where dots, spaces and wildcards have a meaning. No two make the same. */
export function natsToken(text: string): string {
  return encodeURIComponent(text).replace(/[.*]/g, (sign) => (sign === "." ? "%2E" : "%2A"));
}
