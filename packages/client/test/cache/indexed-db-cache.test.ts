import "fake-indexeddb/auto";
import { systemRuntime } from "@chat/protocol";
import { IDBFactory } from "fake-indexeddb";
import { indexedDbCache } from "../../src/cache/indexed-db-cache.js";
import { cacheSuite } from "../../src/testing/cache-suite.js";

const { clock, random } = systemRuntime();

cacheSuite("IndexedDB", () => {
  const indexedDB = new IDBFactory();
  return { open: () => indexedDbCache({ name: "chat", indexedDB, clock, random }) };
});
