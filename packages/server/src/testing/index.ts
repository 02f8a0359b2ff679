export { storeSuite } from "./store-suite.js";
export type { StoreEngine } from "./store-world.js";
export type { SuiteApi } from "./suite-api.js";
