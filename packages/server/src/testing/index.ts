export { type DiscoveryEngine, discoverySuite } from "./discovery-suite.js";
export { type FanoutFaultEngine, fanoutFaultSuite } from "./fanout-fault-suite.js";
export { type FanoutEngine, fanoutSuite } from "./fanout-suite.js";
export { type RegistryEngine, registrySuite } from "./registry-suite.js";
export { storeSuite } from "./store-suite.js";
export type { StoreEngine } from "./store-world.js";
export type { SuiteApi } from "./suite-api.js";
export {
  type TestFaults,
  type TestServer,
  testServer,
  type TestServerOptions,
  type TestSocket,
} from "./test-server.js";
