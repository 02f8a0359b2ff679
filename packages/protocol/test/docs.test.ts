import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CLOSE_CODES } from "../src/close-code.js";
import { ENTRY_KINDS } from "../src/entry-kinds.js";
import { ERROR_CODES } from "../src/error-code.js";
import { LIMITS } from "../src/limits.js";
import { PROTOCOL_MINOR, SUBPROTOCOL } from "../src/version.js";
import { describeWire } from "./describe-wire.js";

const docs = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");

interface Section {
  readonly heading: string;
  /** The cells of the section's first table, without its head. */
  readonly rows: readonly (readonly string[])[];
}

/** The headings of docs/protocol.md, each with the table beneath. */
const sections: readonly Section[] = docs.split(/^#+ /m).map((section) => {
  const lines = section.split("\n");
  const table = lines.slice(
    lines.findIndex((line) => line.startsWith("|")),
    lines.length,
  );
  const end = table.findIndex((line) => !line.startsWith("|"));
  const rows = table.slice(2, end === -1 ? table.length : end).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("\\|", "|").replaceAll("`", "")),
  );
  return {
    heading: lines[0]!.replaceAll("`", ""),
    rows: lines.some((line) => line.startsWith("|")) ? rows : [],
  };
});

function table(heading: string): Section["rows"] {
  const section = sections.find((candidate) => candidate.heading === heading);
  if (section === undefined) throw new Error(`docs/protocol.md has no section "${heading}"`);
  return section.rows;
}

/** A type of the document as wire.txt writes it: the document's own structs stand for their fields. */
function expand(type: string): string {
  return type.replaceAll(
    /\b(Entry|ConversationRow|LatestMessage|UnreadMark|Mute|ConversationPrivacy|UserPrivacy|MemberReceipt|OwnReceipt|ReceiptStep|MarkStep|Refused|UserProfile|UserPresence|Member|Head|KnownUser|PushWay|Rewritten)\b/g,
    (name) => {
      const fields = table(name).map(([field, fieldType]) => `${field}: ${expand(fieldType!)}`);
      return `[${fields.join(", ")}]`;
    },
  );
}

describe("docs/protocol.md", () => {
  it("describes the frames that there are, field by field", () => {
    const frames = sections
      .filter(({ heading }) => /^\d+ [a-z-]+$/.test(heading))
      .map(({ heading, rows }) =>
        [heading, ...rows.map(([field, type]) => `  ${field}: ${expand(type!)}`)].join("\n"),
      );
    expect(frames.join("\n\n") + "\n").toBe(describeWire());
  });

  it("names every limit with its figure", () => {
    const figures = table("Limits").map(([name, figure]) => [name, Number(figure!.replaceAll(",", ""))]);
    expect(Object.fromEntries(figures)).toStrictEqual({ ...LIMITS });
    expect(figures).toHaveLength(Object.keys(LIMITS).length);
  });

  it("names every error code and whether the request may be tried again", () => {
    const codes = table("Error codes").map(([code, retryable]) => [code, { retryable: retryable === "yes" }]);
    expect(Object.fromEntries(codes)).toStrictEqual({ ...ERROR_CODES });
    for (const [, retryable, what] of table("Error codes")) {
      expect(["yes", "no"]).toContain(retryable);
      expect(what).not.toBe("");
    }
  });

  it("names every close code", () => {
    const codes = table("Close codes").map(([code, name, terminal]) => [
      name,
      { code: Number(code), terminal: terminal === "yes" },
    ]);
    expect(Object.fromEntries(codes)).toStrictEqual({ ...CLOSE_CODES });
  });

  it("names every kind of entry that the server writes, and that of messages", () => {
    const kinds = table("Kinds of entries").map(([kind]) => kind);
    expect(kinds).toEqual([...Object.values(ENTRY_KINDS), "x-…"]);
  });

  it("names the version", () => {
    expect(docs).toContain(`\`${SUBPROTOCOL}\``);
    expect(docs).toContain(`The minor version is ${PROTOCOL_MINOR}.`);
  });

  it("links to files and headings that exist", () => {
    const anchors = new Set(
      sections.map(({ heading }) =>
        heading
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N} -]/gu, "")
          .replaceAll(" ", "-"),
      ),
    );
    for (const [, target] of docs.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (target!.startsWith("#")) expect(anchors, target).toContain(target!.slice(1));
      else if (!/^https:/.test(target!)) {
        expect(() =>
          readFileSync(new URL(`../../../docs/${target!.split("#")[0]}`, import.meta.url)),
        ).not.toThrow();
      }
    }
  });
});
