import type { Scenario } from "../scenarios/scenario.js";
import { ServerProcess } from "../subjects/server-process.js";
import type { Member, Subject } from "../subjects/subject.js";

/** The figures of one run of one subject. */
export interface Figures {
  readonly messagesPerSecond: number;
  readonly deliveriesPerSecond: number;
  /** µs of the server's CPU. */
  readonly cpuPerDelivery: number;
  /** ms. */
  readonly ackP50: number;
  readonly ackP99: number;
  /** Bytes of WebSocket messages per member and message. */
  readonly bytesPerDelivery: number;
  /** Deliveries that never came, or came doubled or out of order. Must be 0. */
  readonly lost: number;
}

/** How long members have for the last deliveries after the last acknowledgement, ms. */
const DRAIN = 10_000;

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

function total(room: readonly Member[], of: "received" | "bytes"): number {
  return room.reduce((sum, member) => sum + member[of], 0);
}

/** Runs one scenario on one subject, in a server process of its own. */
export async function measure(
  subject: Subject,
  scenario: Scenario,
  times: { readonly warmUp: number; readonly duration: number },
): Promise<Figures> {
  const server = await ServerProcess.start(subject.program);
  const room = await subject.connect(server.port, scenario.members);
  const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
  try {
    await scenario.run(room, performance.now() + times.warmUp, () => {});
    const begin = performance.now();
    const [before, received, bytes] = [await server.usage(), total(room, "received"), total(room, "bytes")];
    const delays: number[] = [];
    await scenario.run(room, begin + times.duration, (delay) => delays.push(delay));
    const seconds = (performance.now() - begin) / 1_000;
    // The first run's stragglers may have come meanwhile: never fewer than what was acknowledged in this one.
    const expected = delays.length * room.length;
    const giveUp = performance.now() + DRAIN;
    while (total(room, "received") - received < expected && performance.now() < giveUp) await nextTurn();
    const after = await server.usage();
    const deliveries = total(room, "received") - received;
    delays.sort((a, b) => a - b);
    return {
      messagesPerSecond: delays.length / seconds,
      deliveriesPerSecond: deliveries / seconds,
      cpuPerDelivery: (after.cpu - before.cpu) / deliveries,
      ackP50: quantile(delays, 0.5),
      ackP99: quantile(delays, 0.99),
      bytesPerDelivery: (total(room, "bytes") - bytes) / deliveries,
      lost: Math.max(0, expected - deliveries) + room.filter(({ inOrder }) => !inOrder).length,
    };
  } finally {
    for (const member of room) member.close();
    await server.stop();
  }
}
