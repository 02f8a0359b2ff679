// Leaves out of the packages that the build for browsers brings along what the client never calls.
import ts from "typescript";

/** How a statement that is left out begins. */
const LEFT_OUT = {
  // Shortcuts on databases, and iterating with `for await`.
  idb: [/^replaceTraps\(/, /^replaceTraps\(/],
  eventemitter3: [
    ...["eventNames", "listenerCount", "emit", "once", "removeAllListeners", "addListener"].map(
      (method) => new RegExp(`^EventEmitter\\.prototype\\.${method} =`),
    ),
    /^EventEmitter\.prefixed =/,
    /^EventEmitter\.EventEmitter =/,
    /^if \('undefined' !== typeof module\)/,
  ],
};

/** What is written in another way. */
const REWRITTEN = {
  idb: [
    // `in`, and the one store of a transaction that has no other.
    [/\n {4}has\(target, prop\) \{[^]*?\n {4}\},/, ""],
    [/\n {12}\/\/ Make tx\.store return[^]*?\n {12}\}/, ""],
  ],
  eventemitter3: [
    // Browsers without Object.create have none of the rest either.
    [/prefix = '~';/, "prefix = false;"],
    [/^if \(Object\.create\) \{[^]*?\n\}/m, "Events.prototype = Object.create(null);"],
    // A CommonJS module becomes an ES module, without a wrapper around it.
    [/$/, "export { EventEmitter };\n"],
  ],
};

/** @throws Error if the package is not as it was when this was written */
export function trimPackage(name, text) {
  const asked = [...LEFT_OUT[name]];
  for (const { from, to } of statementsOf(text).reverse()) {
    const index = asked.findIndex((begin) => begin.test(text.slice(from, to)));
    if (index < 0) continue;
    asked.splice(index, 1);
    text = text.slice(0, from) + text.slice(to);
  }
  for (const [found, by] of REWRITTEN[name]) {
    if (!found.test(text)) asked.push(found);
    text = text.replace(found, by);
  }
  if (asked.length > 0)
    throw new Error(`Another ${name}: look at scripts/browser-build/trim-package.mjs for ${asked}.`);
  return text;
}

function statementsOf(text) {
  const source = ts.createSourceFile("source.js", text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  return source.statements.map((node) => ({ from: node.getStart(), to: node.getEnd() }));
}
