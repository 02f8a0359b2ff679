/** What one run of one subject gave, by the name of the figure: see FIGURES for the names. */
export type Figures = Readonly<Record<string, number>>;

/** How a figure is shown. */
export interface Figure {
  readonly title: string;
  readonly digits: number;
}

/** The figures that scenarios give, in the order in which tables show them. */
export const FIGURES: Readonly<Record<string, Figure>> = {
  messagesPerSecond: { title: "messages/s", digits: 0 },
  deliveriesPerSecond: { title: "deliveries/s", digits: 0 },
  cpuPerDelivery: { title: "server CPU µs/delivery", digits: 2 },
  loadCpu: { title: "load's CPU, share of a core", digits: 2 },
  ackP50: { title: "ack p50 ms", digits: 2 },
  ackP99: { title: "ack p99 ms", digits: 2 },
  memberP50: { title: "delivery p50 ms", digits: 1 },
  memberP99: { title: "delivery p99 ms", digits: 1 },
  deliveredP50: { title: "last delivery p50 ms", digits: 1 },
  deliveredP99: { title: "last delivery p99 ms", digits: 1 },
  bytesPerDelivery: { title: "bytes/delivery", digits: 0 },
  connectionsPerSecond: { title: "connections/s", digits: 0 },
  cpuPerConnection: { title: "CPU µs/connection", digits: 0 },
  heapPerConnection: { title: "heap KiB each", digits: 2 },
  rssPerConnection: { title: "RSS KiB each", digits: 1 },
  heapBefore: { title: "heap before, MiB", digits: 1 },
  heapAfter: { title: "heap after, MiB", digits: 1 },
  rssBefore: { title: "RSS before, MiB", digits: 0 },
  rssAfter: { title: "RSS after, MiB", digits: 0 },
  idleCpu: { title: "CPU at rest, % of a core", digits: 2 },
  inSyncP50: { title: "in sync p50 ms", digits: 0 },
  emptyPage: { title: "empty page ms", digits: 0 },
  rowsPage: { title: "page with rows ms", digits: 0 },
  chatPage: { title: "page with chat ms", digits: 0 },
  perMessage: { title: "page's thread, ms/message", digits: 2 },
  busy: { title: "page's thread busy ms", digits: 0 },
  heapMegabytes: { title: "page's heap MB", digits: 1 },
  milliseconds: { title: "ms", digits: 1 },
  kilobytes: { title: "kB received", digits: 1 },
  requestsPerDelivery: { title: "requests/delivery", digits: 3 },
  frames: { title: "frames", digits: 1 },
  publishes: { title: "publishes", digits: 1 },
  writes: { title: "SQL writes", digits: 1 },
  cpuPerReceipt: { title: "server CPU µs/receipt", digits: 0 },
  cpuPerFlap: { title: "server CPU ms/flap", digits: 1 },
  queries: { title: "SQL statements", digits: 1 },
  roundTrips: { title: "round trips", digits: 0 },
  cpuPerMessage: { title: "server CPU µs/message", digits: 1 },
  cpuPerPage: { title: "server CPU µs/page", digits: 0 },
  lost: { title: "lost", digits: 0 },
};
