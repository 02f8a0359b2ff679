import type { UserStatus } from "@chat/client/presence";
import { dayLabel, dayOf, timeOfDay } from "./format-time.js";

/** ms after which "just now" is a time. */
const JUST_NOW = 60_000;

/** In words: Online, Away, Last seen today at 10:45. Empty where nothing is known. */
export function presenceText(status: UserStatus | undefined): string {
  if (status === undefined) return "";
  if (status.status !== "offline") return status.status === "online" ? "Online" : "Away";
  if (status.lastActiveAt === undefined) return "Offline";
  const time = status.lastActiveAt.getTime();
  if (Date.now() - time < JUST_NOW) return "Last seen just now";
  const day = dayLabel(time);
  const when = dayOf(time) === dayOf(Date.now()) || day === "Yesterday" ? day.toLowerCase() : day;
  return `Last seen ${when} at ${timeOfDay(time)}`;
}

/** Puts a dot on an avatar, by shape and colour: full for online, hollow for away, none else. Words stand beside it. */
export function drawPresence(avatar: HTMLElement, status: UserStatus | undefined): void {
  const shown = status?.status ?? "offline";
  if (avatar.dataset["presence"] !== shown) avatar.dataset["presence"] = shown;
}
