import type { AnnouncedServer } from "./discovery.js";

/** What is written down of a server. */
export function encodeAnnouncement({
  serverId,
  url,
  region,
  connections,
  capacity,
  draining,
}: AnnouncedServer): string {
  return JSON.stringify({ serverId, url, region, connections, capacity, draining });
}

/** Reads what was written down, and leaves out what a version that we do not know wrote, or nobody of ours. */
export function decodeAnnouncements(texts: readonly string[]): readonly AnnouncedServer[] {
  return texts.map(decodeAnnouncement).filter((server) => server !== undefined);
}

function decodeAnnouncement(text: string): AnnouncedServer | undefined {
  let value: Partial<Record<keyof AnnouncedServer, unknown>> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { serverId, url, region, connections, capacity, draining } = value;
  if (typeof serverId !== "string" || typeof url !== "string" || typeof draining !== "boolean")
    return undefined;
  if (typeof connections !== "number" || typeof capacity !== "number") return undefined;
  return { serverId, url, ...(typeof region === "string" && { region }), connections, capacity, draining };
}
