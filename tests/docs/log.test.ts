import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";
import { guardedLog } from "../../packages/server/src/admission/guarded-log.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const source = join(root, "packages/server/src");

interface Line {
  readonly event: string;
  readonly levels: readonly string[];
  readonly fields: readonly string[];
}

/** The strings that an expression may be; a template's hole is one of the SQL servers. */
function stringsOf(node: ts.Expression): readonly string[] {
  if (ts.isStringLiteral(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...stringsOf(node.whenTrue), ...stringsOf(node.whenFalse)];
  if (ts.isTemplateExpression(node)) {
    const end = node.templateSpans[0]!.literal.text;
    return ["postgres", "mysql"].map((name) => `${node.head.text}${name}${end}`);
  }
  return [];
}

function fieldsOf(node: ts.Expression | undefined): readonly string[] {
  if (node === undefined || !ts.isObjectLiteralExpression(node)) return [];
  return node.properties.flatMap(({ name }) =>
    name !== undefined && ts.isIdentifier(name) ? [name.text] : [],
  );
}

/** Every call of a `log` in the server's sources. */
function linesIn(file: string): Line[] {
  const lines: Line[] = [];
  const visit = (node: ts.Node): void => {
    ts.forEachChild(node, visit);
    if (!ts.isCallExpression(node) || !/\blog$/.test(node.expression.getText(tree))) return;
    const [level, event, fields] = node.arguments;
    if (level === undefined || event === undefined) return;
    for (const name of stringsOf(event))
      lines.push({ event: name, levels: stringsOf(level), fields: fieldsOf(fields) });
  };
  const tree = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  visit(tree);
  return lines;
}

const lines = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !name.startsWith("testing"))
  .flatMap((name) => linesIn(join(source, name)));

it("every line of the server's log is told of in docs/log.md, with its levels, and no other", () => {
  const written = [...lines].reduce((all, { event, levels }) => {
    return all.set(event, new Set([...(all.get(event) ?? []), ...levels]));
  }, new Map<string, Set<string>>());
  const page = readFileSync(join(root, "docs/log.md"), "utf8");
  const told = [...page.matchAll(/^\| `(\w+)` +\| ([\w, ]+?) +\|/gm)].map(([, event, levels]) => [
    event,
    levels,
  ]);
  const sorted = (pairs: (readonly (string | undefined)[])[]): unknown =>
    pairs.map((pair) => pair.join(": ")).sort();
  expect(sorted(told)).toEqual(
    sorted([...written].map(([event, levels]) => [event, [...levels].sort().join(", ")])),
  );
});

it("a line keeps the fields that it is given: the guard knows all of them", () => {
  const kept = (name: string): boolean =>
    ["word", 1].some((value) => {
      let isKept = false;
      guardedLog((_level, _event, fields) => (isKept = name in fields))("info", "any", { [name]: value });
      return isKept;
    });
  const lost = lines.flatMap(({ event, fields }) =>
    fields.filter((name) => !kept(name)).map((name) => `${event}: ${name}`),
  );
  expect(lines.length).toBeGreaterThan(50);
  expect(lost).toEqual([]);
});

it("the events, metrics and settings that the guides name are there", () => {
  const guides = readdirSync(join(root, "docs/guides")).map((name) =>
    readFileSync(join(root, "docs/guides", name), "utf8"),
  );
  const events = new Set(lines.map(({ event }) => event));
  const metrics = readFileSync(join(source, "admission/metrics.ts"), "utf8");
  const inLogOf = [...guides.join("\n").matchAll(/`(\w+_\w+)`(?=[^|\n]*in the log| \(level)/g)].map(
    ([, name]) => name!,
  );
  expect(inLogOf.filter((name) => !events.has(name))).toEqual([]);
  const named = [...guides.join("\n").matchAll(/`(chat_\w+_(?:total|milliseconds)|chat_connections)`/g)].map(
    ([, name]) => name!,
  );
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((name) => !metrics.includes(`"${name}"`))).toEqual([]);
});
