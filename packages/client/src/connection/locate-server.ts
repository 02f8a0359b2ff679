import type { Clock } from "@chat/protocol";
import { resolveUrl } from "./resolve-url.js";

/** ms that the answer may take; connecting waits for it. */
const PATIENCE = 3_000;

/** What asks which chat server to connect to. */
export interface Locator {
  readonly clock: Clock;
  /** Where the application says that a server is: asked, and taken when nobody knows better. */
  readonly url: string;
  /** Where to ask instead. */
  readonly discover: true | string;
  /** Where the last answer led to: it is tried again only if there is no other, as whoever asks anew has lost it. */
  last?: string | undefined;
}

/** Finds the best chat server; whatever goes wrong leads to the configured one. */
export async function locateServer(locator: Locator, token: string): Promise<string> {
  const { clock, url, discover } = locator;
  const controller = new AbortController();
  const cancel = clock.schedule(PATIENCE, () => controller.abort());
  try {
    const answer = await fetch(targetOf(url, discover), {
      headers: { authorization: `Bearer ${token}` },
      cache: "no-store",
      signal: controller.signal,
    });
    const { items } = (await answer.json()) as { items: readonly { readonly url: string }[] };
    // Never from an encrypted line to an open one.
    const found = items
      .map((item) => resolveUrl(item.url))
      .filter((one) => /^wss/.test(one) || !/^wss/.test(url));
    locator.last = found.find((one) => one !== locator.last) ?? found[0];
    return locator.last ?? url;
  } catch {
    return url;
  } finally {
    cancel();
  }
}

function targetOf(url: string, discover: true | string): string {
  const target = new URL(resolveUrl(discover === true ? url : discover));
  target.protocol = target.protocol.replace(/^ws/, "http");
  if (discover === true) target.pathname = target.pathname.replace(/\/?$/, "/servers");
  return target.href;
}
