import { readFileSync } from "node:fs";

const { compilerOptions } = JSON.parse(readFileSync(new URL("tsconfig.base.json", import.meta.url), "utf8"));

/** The API reference: `npm run reference` writes it to `reference/`. What no docstring says, or a link that leads nowhere, is an error. */
export default {
  name: "Chat SDK",
  // Every import path that the packages publish.
  entryPoints: Object.values(compilerOptions.paths).flat(),
  tsconfig: "tsconfig.reference.json",
  out: "reference",
  readme: "README.md",
  excludePrivate: true,
  excludeInternal: true,
  disableGit: true,
  sourceLinkTemplate: "{path}#{line}",
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  requiredToBeDocumented: ["Class", "Interface", "Function", "TypeAlias", "Variable", "Enum"],
  treatWarningsAsErrors: true,
};
