// Imports from the module that has something, and not from the index of its package, which brings everything.

const STATEMENT = /^(import|export) \{([^}]*)\} from "([^"]+)";/gm;

/** What an index exports. @returns the module of each name, types left out */
export function modulesOf(index) {
  const modules = new Map();
  for (const [, , names, module] of index.matchAll(STATEMENT)) {
    for (const name of valuesIn(names)) modules.set(name, module);
  }
  return modules;
}

/** @throws Error if something is imported that the index does not export */
export function importDirectly(text, name, modules) {
  return text.replace(STATEMENT, (statement, keyword, names, from) => {
    if (from !== name) return statement;
    const direct = valuesIn(names).map((value) => {
      if (!modules.has(value)) throw new Error(`${name} exports no ${value}.`);
      return `${keyword} { ${value} } from ${JSON.stringify(modules.get(value))};`;
    });
    return direct.join(" ") + "\n".repeat(statement.split("\n").length - 1);
  });
}

function valuesIn(names) {
  return names
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && !name.startsWith("type "));
}
