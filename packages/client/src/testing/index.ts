export { type CachePlace, cacheSuite, type SuiteApi } from "./cache-suite.js";
export {
  type FakeFaults,
  type FakeServer,
  fakeServer,
  type FakeServerOptions,
  type FakeSession,
} from "./fake-server.js";
export type { FakeEntry, FakeState } from "./fake-store.js";
export { type TransportPeer, type TransportPlace, transportSuite } from "./transport-suite.js";
export { seededRandom, type VirtualClock, virtualClock, virtualRuntime } from "./virtual-clock.js";
