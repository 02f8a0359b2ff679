import { registrySuite, type SuiteApi } from "@chat/server/testing";
import { describe, expect, it } from "vitest";
import { caseOf, verdictOf } from "./case-of.js";
import { type Defect, PLANTED, PlantedRegistry, PlantedTables } from "./planted-registry.js";

const suiteOf = (defect?: Defect) => (api: SuiteApi) =>
  registrySuite(api, "planted", () => {
    const tables = new PlantedTables();
    return {
      registry: () => new PlantedRegistry(tables, defect),
      async setMembers(conversationId, userIds) {
        tables.members.set(conversationId, userIds);
      },
      advance(duration) {
        tables.now += duration;
      },
      dispose: () => undefined,
    };
  });

suiteOf()({ describe, it });

describe("what the suite for registries finds", () => {
  it.each(Object.entries(PLANTED))("%s", async (defect, sentence) => {
    expect(await verdictOf(caseOf(suiteOf(defect as Defect), sentence))).toBeDefined();
  });
});
