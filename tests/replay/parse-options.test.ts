import { expect, test } from "vitest";
import { parseOptions } from "./parse-options.js";

test("plays everything by default", () => {
  expect(parseOptions([], {})).toMatchObject({
    data: "../shared/data/ubuntu-irc",
    logs: undefined,
    seed: 1,
    kills: undefined,
    excerpt: false,
  });
  expect(parseOptions([], { REPLAY_DATA: "/logs" }).data).toBe("/logs");
  expect(parseOptions(["--data", "here"], { REPLAY_DATA: "/logs" }).data).toBe("here");
});

test("takes a number of logs, or names; and the dashes that pnpm hands on", () => {
  expect(parseOptions(["--", "--logs", "3"], {}).logs).toBe(3);
  expect(parseOptions(["--logs", "2004-11,2018"], {}).logs).toEqual(["2004-11", "2018"]);
});

test("--no-kill lets the server live", () => {
  expect(parseOptions(["--no-kill"], {}).kills).toBe(0);
  expect(parseOptions(["--kills", "9"], {}).kills).toBe(9);
});

test.each([
  ["--logs", "0"],
  ["--seed", "x"],
  ["--concurrency", "1.5"],
  ["--cuts", "2"],
  ["--kills", ""],
  ["--nonsense"],
])("says what is wrong with %s %s", (...argv) => {
  expect(() => parseOptions(argv, {})).toThrow();
});
