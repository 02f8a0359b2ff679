import { expect, test } from "vitest";
import { expectedNames } from "./expected-names.js";
import { createLogScript } from "./log-script.js";
import { parseLog } from "./parse-log.js";

function scriptOf(...lines: string[]) {
  return createLogScript("test", parseLog(lines.join("\n")));
}

test("the last name counts, and any of them for who is renamed in two logs that are played side by side", () => {
  const one = scriptOf(
    "=== ann is now known as ann_",
    "=== ann_ is now known as ann",
    "=== bob is now known as bob_",
  );
  const two = scriptOf("=== bob is now known as robert", "[00:00] <cy> hi");
  expect(expectedNames([one, two])).toEqual({ ann: ["ann"], bob: ["bob_", "robert"] });
});
