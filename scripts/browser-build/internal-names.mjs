// Which properties may have other names in the build for browsers: those that nobody but this build's own code ever sees.
import { join } from "node:path";
import ts from "typescript";

/** What leaves a tab besides what is public: to other tabs of any version and build, to parts that come in another bundle, and to the server. */
const SHARED = {
  "packages/client/src/tabs/tabs.ts": ["Message"],
  "packages/client/src/tabs/device.ts": ["TabRequest", "TabNotice"],
  "packages/client/src/client-parts.ts": ["ClientParts"],
  "packages/protocol/src/index.ts": ["ClientFrame", "ServerFrame"],
  // Public as well; named, so that what is stored stays kept should it cease to be.
  "packages/client/src/cache/cache.ts": ["CacheSnapshot", "CacheChanges", "CacheReadQuery"],
};

/**
 * Reads the sources of the client and the protocol as the type checker sees them. A name is kept if anything speaks for it: renaming
 * goes by name alone.
 * @param root of the repository
 * @param entries files whose exports are public, relative to the root
 * @returns `internal`: the names that may be others. `kept`: all other names that the sources declare, with what speaks for them
 */
export function internalNames(root, entries) {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, "packages/client/tsconfig.json"),
    { noEmit: true },
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (problem) => fail(problem.messageText) },
  );
  const files = [...entries, ...Object.keys(SHARED)].map((file) => join(root, file));
  const program = ts.createProgram(files, config.options);
  const checker = program.getTypeChecker();
  const reasons = new Map();
  const declared = new Set();
  const keep = (name, why) => reasons.has(name) || reasons.set(name, why);

  for (const file of program.getSourceFiles()) {
    if (file.isDeclarationFile) walk(file, (node) => keepForeign(node));
    else walk(file, (node) => readOwn(node));
  }
  const seen = new Set();
  for (const entry of entries) {
    for (const symbol of exportsOf(entry)) keepSymbol(symbol, "public");
  }
  for (const [file, names] of Object.entries(SHARED)) {
    const source = program.getSourceFile(join(root, file));
    for (const name of names) {
      const symbol =
        checker.resolveName(name, source, ts.SymbolFlags.Type, false) ??
        exportsOf(file).find((other) => other.name === name);
      if (symbol === undefined) fail(`${file} declares no type ${name}`);
      keepSymbol(symbol, `shared, ${name}`);
    }
  }
  const names = [...declared].sort();
  return {
    internal: names.filter((name) => !reasons.has(name)),
    kept: new Map(names.filter((name) => reasons.has(name)).map((name) => [name, reasons.get(name)])),
  };

  /** Every name of the platform and of other packages, whether our code uses it or not. */
  function keepForeign(node) {
    const isNamed =
      ts.isPropertySignature(node) ||
      ts.isPropertyDeclaration(node) ||
      ts.isMethodSignature(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isAccessor(node) ||
      ts.isVariableDeclaration(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node);
    if (isNamed && node.name && "text" in node.name) keep(node.name.text, "platform or package");
  }

  function readOwn(node) {
    const isDeclared =
      ts.isPropertySignature(node) ||
      ts.isPropertyDeclaration(node) ||
      ts.isPropertyAssignment(node) ||
      ts.isShorthandPropertyAssignment(node) ||
      ts.isMethodSignature(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isAccessor(node);
    if (isDeclared && ts.isIdentifier(node.name)) declared.add(node.name.text);
    // A name that is also written as text may be looked up by it.
    if (ts.isStringLiteralLike(node)) keep(node.text, "text");
    if (ts.isPropertyAccessExpression(node)) {
      const module = checker.getSymbolAtLocation(node.expression);
      if (module && aliased(module).flags & ts.SymbolFlags.ValueModule) keep(node.name.text, "module");
      // What the checker knows nothing of may be anything.
      if (!checker.getSymbolAtLocation(node.name)) keep(node.name.text, "untyped");
    }
    if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent) && !node.dotDotDotToken) {
      const name = node.propertyName ?? node.name;
      const known = checker.getTypeAtLocation(node.parent).getProperty(name.text);
      if (ts.isIdentifier(name) && (!known || isIndexed(node.parent.parent.initializer)))
        keep(name.text, "untyped");
    }
    if (ts.isObjectLiteralExpression(node)) {
      // Keys of a map, of what is logged and of what applications attach.
      const type = checker.getContextualType(node);
      const isMap = type !== undefined && isDictionary(type);
      for (const { name } of node.properties)
        if (isMap && name && ts.isIdentifier(name)) keep(name.text, "key");
    }
  }

  function isIndexed(expression) {
    return expression !== undefined && isDictionary(checker.getTypeAtLocation(expression));
  }

  function isDictionary(type) {
    if (type.isUnionOrIntersection()) return type.types.some(isDictionary);
    return checker.getIndexInfoOfType(type, ts.IndexKind.String) !== undefined;
  }

  function keepSymbol(alias, why) {
    const symbol = aliased(alias);
    if (symbol.flags & ts.SymbolFlags.Type) keepType(checker.getDeclaredTypeOfSymbol(symbol), why);
    if (symbol.flags & ts.SymbolFlags.Value) keepType(checker.getTypeOfSymbol(symbol), why);
  }

  /** Everything that can be reached from a type. */
  function keepType(type, why) {
    if (type === undefined || seen.has(type)) return;
    seen.add(type);
    if (type.isUnionOrIntersection()) for (const part of type.types) keepType(part, why);
    for (const argument of type.aliasTypeArguments ?? []) keepType(argument, why);
    if (type.flags & (ts.TypeFlags.Instantiable | ts.TypeFlags.TypeParameter)) {
      keepType(checker.getBaseConstraintOfType(type), why);
    }
    if (!(type.flags & ts.TypeFlags.Object) && !type.isIntersection()) return;
    for (const argument of checker.getTypeArguments(type) ?? []) keepType(argument, why);
    const [declaration] = type.symbol?.declarations ?? [];
    if (declaration?.getSourceFile().isDeclarationFile) return;
    for (const property of checker.getPropertiesOfType(type)) {
      keep(property.name, why);
      keepType(checker.getTypeOfSymbol(property), why);
    }
    for (const signature of [...type.getCallSignatures(), ...type.getConstructSignatures()]) {
      for (const parameter of signature.parameters) keepType(checker.getTypeOfSymbol(parameter), why);
      keepType(signature.getReturnType(), why);
    }
    for (const { type: value } of checker.getIndexInfosOfType(type)) keepType(value, why);
  }

  function exportsOf(file) {
    return checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(join(root, file))));
  }

  function aliased(symbol) {
    return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  }
}

function walk(node, visit) {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function fail(why) {
  throw new Error(`The names of the client can't be read: ${why}.`);
}
