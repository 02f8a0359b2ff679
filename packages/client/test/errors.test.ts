import { readdirSync, readFileSync } from "node:fs";
import { ERROR_CODES } from "@chat/protocol";
import { expect, test } from "vitest";
import { sentencesOf } from "../../../scripts/browser-build/shorten-source.mjs";

const root = new URL("../../../", import.meta.url);
const doc = readFileSync(new URL("docs/errors.md", root), "utf8");
const sections = new Map(
  doc
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf("\n")), section]),
);

test("docs/errors.md says of every code what to do, and whether it may be tried again", () => {
  expect([...sections.keys()]).toEqual(Object.keys(ERROR_CODES));
  for (const [code, { retryable }] of Object.entries(ERROR_CODES)) {
    expect(sections.get(code), code).toContain(`Retryable: ${retryable ? "yes" : "no"}.`);
    expect(sections.get(code), code).toMatch(/\*\*What to do:\*\* \S/);
  }
});

test("docs/errors.md has every sentence that the build for browsers leaves out", () => {
  const sentences = ["client", "protocol"].flatMap((name) => {
    const src = new URL(`packages/${name}/src/`, root);
    return (readdirSync(src, { recursive: true }) as string[])
      .filter((file) => file.endsWith(".ts") && !file.startsWith("testing"))
      .flatMap((file) => sentencesOf(readFileSync(new URL(file, src), "utf8")));
  });
  expect(sentences.length).toBeGreaterThan(40);
  const lines = new Map(
    [...sections].map(([code, section]) => [
      code,
      section
        .replaceAll("`", "")
        .split("\n- ")
        .map((line) => line.trim()),
    ]),
  );
  const all = [...lines.values()].flat();
  const missing = sentences.filter(
    ({ code, sentence }) => !(code === undefined ? all : (lines.get(code) ?? [])).includes(sentence),
  );
  expect(missing).toEqual([]);
});
