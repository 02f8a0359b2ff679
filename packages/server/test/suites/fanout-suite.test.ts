import { fanoutFaultSuite, fanoutSuite, type SuiteApi } from "@chat/server/testing";
import { describe, expect, it } from "vitest";
import { caseOf, verdictOf } from "./case-of.js";
import { type Defect, PLANTED, PLANTED_FAULTS, PlantedBroker, PlantedFanout } from "./planted-fanout.js";

const suiteOf = (defect?: Defect) => (api: SuiteApi) =>
  fanoutSuite(api, "planted", () => {
    const broker = new PlantedBroker();
    return { fanout: () => new PlantedFanout(broker, defect), dispose: () => undefined };
  });

const faultSuiteOf = (defect?: Defect) => (api: SuiteApi) =>
  fanoutFaultSuite(api, "planted", () => {
    const broker = new PlantedBroker();
    return {
      fanout: () => new PlantedFanout(broker, defect),
      kill: async () => broker.kill(),
      async start() {
        // Starting takes its time.
        await new Promise((resolve) => setTimeout(resolve, 30));
        broker.start();
      },
      dispose: () => undefined,
    };
  });

suiteOf()({ describe, it });
faultSuiteOf()({ describe, it });

describe("what the suites for fan-outs find", () => {
  it.each(Object.entries(PLANTED))("%s", async (defect, sentence) => {
    expect(await verdictOf(caseOf(suiteOf(defect as Defect), sentence))).toBeDefined();
  });

  it.each(Object.entries(PLANTED_FAULTS))("%s", async (defect, sentence) => {
    expect(await verdictOf(caseOf(faultSuiteOf(defect as Defect), sentence))).toBeDefined();
  });
});
