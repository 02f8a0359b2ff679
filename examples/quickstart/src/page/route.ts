/** Where the page is. It stands in the URL's hash, so that a reload and the back button work. */
export type Route =
  | { readonly screen: "list" | "login" }
  | { readonly screen: "conversation"; readonly conversationId: string };

export function currentRoute(): Route {
  const [, screen, id] = location.hash.split("/");
  if (screen === "login") return { screen };
  if (screen !== "conversation" || id === undefined) return { screen: "list" };
  try {
    return { screen, conversationId: decodeURIComponent(id) };
  } catch {
    return { screen: "list" };
  }
}

/** The link to a conversation. */
export function linkTo(conversationId: string): string {
  return `#/conversation/${encodeURIComponent(conversationId)}`;
}

/** Goes to a conversation, or to the list. */
export function goTo(conversationId?: string): void {
  location.hash = conversationId === undefined ? "#/" : linkTo(conversationId);
}
