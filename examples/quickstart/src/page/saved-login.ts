import { deviceStorage, tabStorage } from "./browser-storage.js";

/** Who is logged in. Kept on the device, so that the page opens offline. */
export interface SavedLogin {
  readonly userId: string;
  readonly token: string;
  /** As it was typed. */
  readonly name: string;
}

/**
 * This tab's login; in a new tab the last one of the device. Several people may share a browser, each in a
 * tab.
 */
export function savedLogin(): SavedLogin | undefined {
  const userId = tabStorage.get("user") ?? deviceStorage.get("last user");
  const text = userId === undefined ? undefined : deviceStorage.get(`login ${userId}`);
  if (userId === undefined || text === undefined) return undefined;
  try {
    const { token, name } = JSON.parse(text) as { token?: unknown; name?: unknown };
    return typeof token === "string" && typeof name === "string" ? { userId, token, name } : undefined;
  } catch {
    return undefined;
  }
}

export function saveLogin({ userId, token, name }: SavedLogin): void {
  deviceStorage.set(`login ${userId}`, JSON.stringify({ token, name }));
  deviceStorage.set("last user", userId);
  tabStorage.set("user", userId);
}

/** Forgets the login. What the chat client keeps of the user stays for when they come back. */
export function forgetLogin({ userId }: SavedLogin): void {
  deviceStorage.set(`login ${userId}`, undefined);
  if (deviceStorage.get("last user") === userId) deviceStorage.set("last user", undefined);
  tabStorage.set("user", undefined);
}
