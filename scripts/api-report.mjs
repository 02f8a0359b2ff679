// The public surface of every entry point, as declarations without comments, in docs/api: a change of it shows as a diff.
// `npm run api` writes the reports; `npm run check:api` compares.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, "docs/api");
const isUpdate = process.argv.includes("--update");

/** Entry points by their public names, from the paths that tests and the type checker follow. */
const { compilerOptions } = JSON.parse(readFileSync(join(root, "tsconfig.base.json"), "utf8"));
const entries = Object.entries(compilerOptions.paths).map(([name, [path]]) => ({
  name,
  path: join(root, path),
}));

const { options, errors } = ts.convertCompilerOptionsFromJson(
  {
    ...compilerOptions,
    lib: ["ES2022", "DOM", "DOM.Iterable"],
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
  },
  root,
);
if (errors.length > 0) throw new Error(ts.flattenDiagnosticMessageText(errors[0].messageText, "\n"));

// Declarations as they would be published, in memory: inferred types are spelled out there.
const declarations = new Map();
const sources = ts.createProgram(
  entries.map(({ path }) => path),
  { ...options, removeComments: true },
);
sources.emit(undefined, (file, text) => declarations.set(file, text), undefined, true);

const host = ts.createCompilerHost(options);
const { fileExists, readFile, getSourceFile } = host;
const declarationOf = (file) =>
  declarations.get(file.replace(/\.ts$/, ".d.ts").replace(/\.d\.d\.ts$/, ".d.ts"));
host.fileExists = (file) => declarations.has(file) || fileExists(file);
host.readFile = (file) => declarationOf(file) ?? readFile(file);
host.getSourceFile = (file, ...rest) => {
  const text = declarationOf(file);
  return text === undefined
    ? getSourceFile(file, ...rest)
    : ts.createSourceFile(file, text, ...rest.slice(0, 1), true);
};
const program = ts.createProgram(
  entries.map(({ path }) => path.replace(/\.ts$/, ".d.ts")),
  { ...options, emitDeclarationOnly: false, declaration: false, noEmit: true },
  host,
);
const checker = program.getTypeChecker();

/** Everything that an entry exports, by name. */
function surfaceOf(path) {
  const file = program.getSourceFile(path.replace(/\.ts$/, ".d.ts"));
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(file));
  return exported
    .map((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const texts = (target.declarations ?? []).map((declaration) => {
        const statement = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
        return statement
          .getText()
          .replace(/^export /, "")
          .replace(/^declare /, "");
      });
      return { name: symbol.name, text: [...new Set(texts)].join("\n") };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

mkdirSync(folder, { recursive: true });
const reports = new Map(
  entries.map(({ name, path }) => {
    const body = surfaceOf(path).map(({ text }) => text);
    const file = `${name.replace("@chat/", "").replaceAll("/", "-")}.api.md`;
    const head = `# ${name}\n\nThe public surface, written by \`npm run api\`. Do not edit.\n`;
    return [file, `${head}\n\`\`\`ts\n${body.join("\n\n")}\n\`\`\`\n`];
  }),
);
const stale = readdirSync(folder).filter((file) => file.endsWith(".api.md") && !reports.has(file));
if (isUpdate) {
  for (const file of stale) rmSync(join(folder, file));
  for (const [file, text] of reports) writeFileSync(join(folder, file), text);
} else {
  const changed = [...reports].filter(([file, text]) => {
    const path = join(folder, file);
    return !existsSync(path) || readFileSync(path, "utf8").replaceAll("\r\n", "\n") !== text;
  });
  for (const file of [...changed.map(([name]) => name), ...stale]) {
    console.error(`The public surface is another than ${relative(root, join(folder, file))} says.`);
  }
  if (changed.length + stale.length > 0) {
    console.error("If that is meant: npm run api, and look at the diff.");
    process.exitCode = 1;
  }
}
