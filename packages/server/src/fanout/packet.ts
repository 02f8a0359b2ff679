/** The first byte of every packet; a packet of a later version is dropped, as a lost one is. */
const VERSION = 1;
const HEADER_BYTES = 1;
const LENGTH_BYTES = 4;
/** Bytes of one packet, unless a single envelope is larger. Brokers commonly take up to 1 MiB. */
const PACKET_BYTES = 262_144;

/** Packs envelopes, in their order, into as few packets as the broker is to carry. */
export function packEnvelopes(envelopes: readonly Uint8Array[], packetBytes = PACKET_BYTES): Uint8Array[] {
  const packets: Uint8Array[] = [];
  let first = 0;
  let bytes = HEADER_BYTES;
  for (const [index, envelope] of envelopes.entries()) {
    const added = LENGTH_BYTES + envelope.length;
    if (index > first && bytes + added > packetBytes) {
      packets.push(pack(envelopes.slice(first, index), bytes));
      [first, bytes] = [index, HEADER_BYTES];
    }
    bytes += added;
  }
  if (first < envelopes.length) packets.push(pack(envelopes.slice(first), bytes));
  return packets;
}

function pack(envelopes: readonly Uint8Array[], bytes: number): Uint8Array {
  const packet = new Uint8Array(bytes);
  const view = new DataView(packet.buffer);
  packet[0] = VERSION;
  let at = HEADER_BYTES;
  for (const envelope of envelopes) {
    view.setUint32(at, envelope.length);
    packet.set(envelope, at + LENGTH_BYTES);
    at += LENGTH_BYTES + envelope.length;
  }
  return packet;
}

/** The envelopes of a packet; none if it is damaged, or of a version that this server does not know. */
export function unpackEnvelopes(packet: Uint8Array): Uint8Array[] {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  if (packet[0] !== VERSION) return [];
  const envelopes: Uint8Array[] = [];
  let at = HEADER_BYTES;
  while (at < packet.length) {
    const start = at + LENGTH_BYTES;
    const end = start <= packet.length ? start + view.getUint32(at) : Infinity;
    if (end > packet.length) return [];
    envelopes.push(packet.subarray(start, end));
    at = end;
  }
  return envelopes;
}
