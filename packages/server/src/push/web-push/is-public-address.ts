import { BlockList, isIPv6 } from "node:net";

/** What is no host of the internet: private, local, of documentation and tests, multicast, reserved. */
const INWARD = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  // Also where clouds tell a machine its secrets.
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  INWARD.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  // Teredo, benchmarks, ORCHID; documentation; 6to4, which wraps any IPv4 address.
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const)
  INWARD.addSubnet(network, prefix, "ipv6");

/** Of IPv6 only what is given out as global unicast: the rest is local, reserved, or wraps an IPv4 address. */
const GLOBAL = new BlockList();
GLOBAL.addSubnet("2000::", 3, "ipv6");

/** True for an IP address of a host that anybody may reach. @param address IPv4 or IPv6, without brackets */
export function isPublicAddress(address: string): boolean {
  if (!isIPv6(address)) return !INWARD.check(address, "ipv4");
  return GLOBAL.check(address, "ipv6") && !INWARD.check(address, "ipv6");
}
