import { discoverySuite, type SuiteApi } from "@chat/server/testing";
import { describe, expect, it } from "vitest";
import { caseOf, verdictOf } from "./case-of.js";
import { type Defect, PLANTED, PlantedDirectory, PlantedDiscovery } from "./planted-discovery.js";

const suiteOf = (defect?: Defect) => (api: SuiteApi) =>
  discoverySuite(
    api,
    "planted",
    () => {
      const directory = new PlantedDirectory();
      return {
        discovery: () => new PlantedDiscovery(directory, defect),
        kill: async (discovery) => directory.kill(discovery as PlantedDiscovery),
        outage: {
          async begin() {
            directory.isUp = false;
          },
          end: async () => directory.end(),
        },
        dispose: () => undefined,
      };
    },
    { outage: true },
  );

suiteOf()({ describe, it });

describe("what the suite for discoveries finds", () => {
  it.each(Object.entries(PLANTED))("%s", async (defect, sentence) => {
    expect(await verdictOf(caseOf(suiteOf(defect as Defect), sentence))).toBeDefined();
  });
});
