import { isIPv6, SocketAddress } from "node:net";

/**
 * What counts as one address. One subscriber of an IPv6 network has 2^64 addresses, so the first half stands for all;
 * an IPv4 address is the same however it is written.
 */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address;
  // As all systems write it: short, in lower case, and without a zone.
  const written = new SocketAddress({ address, family: "ipv6" }).address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(written)?.[1];
  if (mapped !== undefined) return mapped;
  const [left = "", right] = written.split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => "0");
  const groups = right === undefined ? head : [...head, ...zeros, ...tail];
  return groups.slice(0, 4).join(":");
}
