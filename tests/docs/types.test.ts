import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const guides = join(root, "docs/guides");

/** Names that the pages use for what is ours; whatever else a page does not declare is the application's own. */
const OURS: Readonly<Record<string, string>> = {
  client: 'import("@chat/client").ChatClient',
  conversation: 'import("@chat/client").Conversation',
  room: 'import("@chat/client").Conversation',
  message: 'import("@chat/client").TimelineMessage',
  presence: 'import("@chat/client/presence").Presence',
  store: 'import("@chat/server").ChatStore',
  providers: 'import("@chat/server").PushProvider[]',
  authenticate: 'import("@chat/server").ChatServerOptions["authenticate"]',
  createChatServer: 'typeof import("@chat/server").createChatServer',
  createChatClient: 'typeof import("@chat/client").createChatClient',
  ChatError: 'typeof import("@chat/server").ChatError',
  express: 'typeof import("express")',
  createServer: 'typeof import("node:http").createServer',
};

/** `chat` is the client on pages for pages, and the server on all others. */
const CHAT: Readonly<Record<string, string>> = { "push.md": OURS["client"]! };
const SERVER = 'import("@chat/server").ChatServer';

interface Snippet {
  readonly page: string;
  readonly line: number;
  readonly code: string;
  readonly tsx: boolean;
}

function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(page === "README.md" ? root : guides, page), "utf8");
  return [...text.matchAll(/```(tsx?)[^\n]*\n([\s\S]*?)```/g)].map(({ 1: language, 2: code, index }) => ({
    page,
    line: text.slice(0, index).split("\n").length,
    // What a snippet leaves out, and an option that stands alone.
    code: code!
      .replace(/\.\.\. \}|\/\/ …/g, (left) => `store, authenticate${left === "// …" ? "," : " }"}`)
      .replace(
        /^push: \{\n([\s\S]*)\},\n$/,
        'const push: import("@chat/server").ChatServerOptions["push"] = {\n$1};\n',
      ),
    tsx: language === "tsx",
  }));
}

const snippets = ["README.md", ...readdirSync(guides)].flatMap(snippetsOf);
/** Where what a page imports besides is installed. */
const FOLDERS: Readonly<Record<string, string>> = {
  "authenticate.md": "examples/fastify",
  "push.md": "packages/server",
  "react.md": "packages/client",
};
/** What is installed nowhere, and a global of workers alone, which the page says. */
const KNOWN = /'firebase-admin\/messaging'|'ServiceWorkerGlobalScope'/;
const nameOf = ({ page, line, tsx }: Snippet): string =>
  join(root, FOLDERS[page] ?? "tests/docs", `${page}.${line}.${tsx ? "tsx" : "ts"}`);

const { options: own } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config,
  ts.sys,
  root,
);
const options: ts.CompilerOptions = {
  ...own,
  ...{ noEmit: true, noUnusedLocals: false, noImplicitReturns: false, jsx: ts.JsxEmit.ReactJSX },
};
const host = ts.createCompilerHost(options);
const files = new Map<string, string>();
const read = host.readFile.bind(host);
host.readFile = (name) => files.get(name) ?? read(name);
const exists = host.fileExists.bind(host);
host.fileExists = (name) => files.has(name) || exists(name);
const parse = host.getSourceFile.bind(host);
host.getSourceFile = (name, ...rest) =>
  files.has(name)
    ? ts.createSourceFile(name, files.get(name)!, ts.ScriptTarget.Latest, true)
    : parse(name, ...rest);

function check(given: (snippet: Snippet) => string): Map<Snippet, readonly ts.Diagnostic[]> {
  for (const snippet of snippets)
    files.set(nameOf(snippet), `${snippet.code}\n${given(snippet)}\nexport {};`);
  const program = ts.createProgram(snippets.map(nameOf), options, host);
  return new Map(
    snippets.map((snippet) => {
      const file = program.getSourceFile(nameOf(snippet))!;
      return [snippet, [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]];
    }),
  );
}

const sentenceOf = ({ messageText }: ts.Diagnostic): string =>
  ts.flattenDiagnosticMessageText(messageText, "\n");

it(
  "every snippet of the README and the guides is true to the types of what is published",
  { timeout: 120_000 },
  () => {
    const missing = new Map<Snippet, readonly string[]>();
    for (const [snippet, diagnostics] of check(() => "")) {
      const names = diagnostics.flatMap(
        (one) =>
          /^(?:Cannot find name|No value exists in scope for the shorthand property) '(\w+)'/.exec(
            sentenceOf(one),
          )?.[1] ?? [],
      );
      missing.set(snippet, [...new Set(names)]);
    }
    const declared = (snippet: Snippet): string =>
      missing
        .get(snippet)!
        .map((name) => {
          const type = name === "chat" ? (CHAT[snippet.page] ?? SERVER) : (OURS[name] ?? "any");
          return `declare const ${name}: ${type};`;
        })
        .join("\n");
    const wrong = [...check(declared)].flatMap(([{ page, line }, diagnostics]) =>
      diagnostics
        .map(sentenceOf)
        .filter((sentence) => !KNOWN.test(sentence))
        .map((sentence) => `${page}:${line}: ${sentence}`),
    );
    expect(snippets.length).toBeGreaterThan(30);
    expect(wrong).toEqual([]);
  },
);
