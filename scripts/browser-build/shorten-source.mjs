// What the build for browsers leaves out of a source: sentences for people, and constants that stand for a figure or a word.
import ts from "typescript";

/** Objects that never change: what is read of them is written where it is read. */
const CONSTANTS = ["LIMITS", "ENTRY_KINDS", "CLOSE_CODES"];

/** What stands in the objects above, out of the source that declares one. @returns literals, by what they are read as: `LIMITS.dataBytes` */
export function constantsOf(text) {
  const values = new Map();
  const note = (name, value) => {
    const object = ts.isAsExpression(value) ? value.expression : value;
    if (!ts.isObjectLiteralExpression(object)) return values.set(name, value.getText());
    for (const { name: key, initializer } of object.properties) note(`${name}.${key.getText()}`, initializer);
    return values;
  };
  visit(parse(text), (node) => {
    if (ts.isVariableDeclaration(node) && CONSTANTS.includes(node.name.getText()))
      note(node.name.text, node.initializer);
  });
  return values;
}

/**
 * @param constants what {@link constantsOf} says of all sources
 * @returns the source, line by line where it was
 */
export function shortenSource(text, constants) {
  const edits = [];
  visit(parse(text), (node) => {
    const by = substitute(node, constants);
    if (by !== undefined) edits.push({ from: node.getStart(), to: node.getEnd(), by });
    return by !== undefined;
  });
  let short = "";
  let at = 0;
  for (const { from, to, by } of edits) {
    const lines = text.slice(from, to).split("\n").length - 1;
    short += text.slice(at, from) + by + "\n".repeat(lines);
    at = to;
  }
  return short + text.slice(at);
}

/** The sentences that are left out of a source, with the code of the error that says them where there is one; `…` stands for what differs. */
export function sentencesOf(text) {
  const sentences = [];
  visit(parse(text), (node) => {
    const by = substitute(node, new Map());
    if ((by === SAID_BY_CODE || by === PART) && /\w/.test(wordsOf(node))) {
      const [code] = by === SAID_BY_CODE ? node.parent.arguments : [];
      sentences.push({
        code: code && ts.isStringLiteral(code) ? code.text : undefined,
        sentence: wordsOf(node),
      });
    }
    return by !== undefined;
  });
  return sentences;
}

/** Instead of an error's sentence: its message names the code and docs/errors.md. */
const SAID_BY_CODE = '""';
/** Instead of a part of one. */
const PART = '"?"';
/** Instead of what a sentence that is left out calls something. */
const NAME = "''";
/** Instead of what describes how a field travels: for tests and docs alone. */
const FIELD = "``";

/** Functions that put a sentence together out of what they are given. */
const SAYING = ["malformed", "tooLarge", "violation"];
/** Functions that return a part of a sentence, or undefined. */
const TELLING = ["problemOf", "problemOfData"];
/** Functions that say of something, under the name that they are given, what is wrong with it. */
const ASSERTING = ["assertId", "assertMessageId"];
/** Functions whose text describes a field. */
const DESCRIBING = ["field", "plain"];

/** What is written instead of a node; undefined: itself. Only for text in these places: any other may be a name of something. */
function substitute(node, constants) {
  if (ts.isPropertyAccessExpression(node)) return constants.get(node.getText());
  if (!ts.isStringLiteralLike(node) && !ts.isTemplateExpression(node)) return undefined;
  const { parent } = node;
  if (ts.isPropertyAssignment(parent)) return parent.name.getText() === "wire" ? FIELD : undefined;
  if (ts.isNewExpression(parent)) {
    const name = parent.expression.getText();
    if (name === "SchemaViolation") return PART;
    return name === "ChatError" && parent.arguments[1] === node ? SAID_BY_CODE : undefined;
  }
  if (ts.isCallExpression(parent) && parent.expression !== node) {
    const name = ts.isIdentifier(parent.expression) ? parent.expression.text : undefined;
    if (DESCRIBING.includes(name)) return FIELD;
    if (ASSERTING.includes(name)) return NAME;
    return SAYING.includes(name) ? PART : undefined;
  }
  // What is compared is no part of a sentence.
  if (!ts.isReturnStatement(parent) && !ts.isConditionalExpression(parent)) return undefined;
  const called = ts.findAncestor(
    node,
    (above) => ts.isCallExpression(above) || ts.isFunctionDeclaration(above),
  );
  const name = ts.isCallExpression(called) ? called.expression.getText() : called.name.text;
  return SAYING.includes(name) || TELLING.includes(name) ? PART : undefined;
}

function wordsOf(node) {
  return node
    .getText()
    .slice(1, -1)
    .replace(/\$\{[^}]*\}/g, "…");
}

function parse(text) {
  return ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest, true);
}

/** Calls back for a node and those in it, in order; not for those in one for which it returns true. */
function visit(node, each) {
  if (each(node) === true) return;
  ts.forEachChild(node, (child) => visit(child, each));
}
