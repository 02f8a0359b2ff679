import { describe, expect, it } from "vitest";
import { cacheSuite, type SuiteApi } from "../../src/testing/cache-suite.js";
import { type Defect, PLANTED, PlantedCache, PlantedDisk } from "./planted-cache.js";

const suiteOf = (defect?: Defect) => (api: SuiteApi) =>
  cacheSuite(api, "planted", () => {
    const disk = new PlantedDisk(defect);
    return { open: () => new PlantedCache(disk, defect) };
  });

/** The case of the suite that this sentence names. */
function caseOf(declare: (api: SuiteApi) => void, sentence: string): () => Promise<void> {
  const found: (() => Promise<void>)[] = [];
  declare({
    describe: (_, body) => body(),
    it: (name, body) => name === sentence && found.push(body),
  });
  expect(found).toHaveLength(1);
  return found[0]!;
}

suiteOf()({ describe, it });

describe("what the suite for caches finds", () => {
  it.each(Object.entries(PLANTED))("%s", async (defect, sentence) => {
    await expect(caseOf(suiteOf(defect as Defect), sentence)()).rejects.toThrow();
  });
});
