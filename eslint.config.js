import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

// --- Walls between packages and layers -------------------------------------------------------------------------

const stores = ["store", "fanout", "registry", "discovery"];
const clientMiddle = ["connection", "outbox", "sync", "timeline"];

/** For each layer the layers below it. A folder that is not named here stands above them all. */
const layers = {
  protocol: {},
  client: {
    runtime: [],
    cache: ["runtime"],
    tabs: ["runtime", "cache", "connection"],
    ...Object.fromEntries(clientMiddle.map((layer) => [layer, ["runtime", "cache", ...clientMiddle]])),
  },
  server: {
    ...Object.fromEntries(stores.map((layer) => [layer, stores])),
    delivery: stores,
    push: stores,
    operations: [...stores, "delivery", "push"],
    admission: [...stores, "delivery", "push", "operations"],
    session: [...stores, "delivery", "push", "operations", "admission"],
    http: [...stores, "delivery", "push", "operations", "admission"],
    mount: [...stores, "delivery", "push", "operations", "admission", "session", "http"],
  },
};
const facades = "index|chat-client|conversation|chat-server|chat-server-options";
const backends = "sql|sqlite|postgres|mysql|dynamodb|redis|nats|rabbitmq|sns-sqs|kafka|zookeeper|web-push";

const noTesting = { regex: "(^|/)testing(/|$)", message: "Test suites are for tests." };
const noBackend = {
  regex: `(store|fanout|registry|discovery|push)/(${backends})(/|$)`,
  message: "A backend is a subpath export: the application imports it, nothing else does.",
};
const noFacade = {
  regex: `^(\\.\\./)+(${facades})(\\.js)?$`,
  message: "The façade wires the layers; they do not know it.",
};

function packageWalls(name) {
  const foreign = { protocol: "client|server", client: "server", server: "client" }[name];
  const always = [
    {
      regex: `^@chat/(${foreign})(/|$)`,
      message: `@chat/${name} does without it: see docs/architecture.md.`,
    },
    { regex: "^(\\.\\./)+(protocol|client|server)/", message: "Import another package by its name." },
  ];
  const src = `packages/${name}/src`;
  return [
    wall(`packages/${name}/test/**`, always),
    wall(`${src}/**`, [...always, noTesting, noBackend], ownWorld),
    wall(`${src}/testing/**`, always, ownWorld),
    ...Object.entries(layers[name]).map(([layer, below]) => {
      const others = Object.keys(layers[name]).filter((other) => other !== layer && !below.includes(other));
      const noOther = {
        regex: `^(\\.\\./)+(${others.join("|")})(/|$)`,
        message: `${layer}/ stands below or beside it: see the layers in eslint.config.js.`,
      };
      const engines = stores.includes(layer) ? [] : [noBackend];
      return wall(`${src}/${layer}/**`, [...always, noTesting, ...engines, noFacade, noOther], ownWorld);
    }),
  ];
}

/** The last wall that covers a file holds for it alone, so each one is complete. */
function wall(files, patterns, { modules = [], syntax = [] } = {}) {
  const dynamic = patterns.map(({ regex, message }) => ({
    selector: `ImportExpression[source.value=/${regex.replaceAll("/", "\\/")}/]`,
    message,
  }));
  return {
    files: [files],
    rules: {
      "no-restricted-imports": ["error", { paths: modules, patterns }],
      "no-restricted-syntax": ["error", ...dynamic, ...syntax],
    },
  };
}

// --- Time and chance are injected, so that a simulation can supply its own -------------------------------------

const message = "Take time and chance from the injected Runtime (packages/protocol/src/runtime.ts).";
const timers = ["setTimeout", "setInterval", "setImmediate"];
const ownWorld = {
  modules: [
    ...["timers", "timers/promises", "perf_hooks"].flatMap((name) => [
      { name, message },
      { name: `node:${name}`, message },
    ]),
    ...["crypto", "node:crypto"].map((name) => ({
      name,
      importNames: ["randomBytes", "randomFillSync", "randomInt", "randomUUID", "webcrypto"],
      message,
    })),
  ],
  syntax: [{ selector: "NewExpression[callee.name='Date'][arguments.length=0]", message }],
};
const injected = {
  files: ["packages/*/src/**"],
  ignores: ["packages/protocol/src/runtime.ts"],
  rules: {
    "no-restricted-globals": [
      "error",
      ...[...timers, "performance", "crypto"].map((name) => ({ name, message })),
    ],
    "no-restricted-properties": [
      "error",
      ...["globalThis", "window", "self"].flatMap((object) =>
        [...timers, "performance", "crypto"].map((property) => ({ object, property, message })),
      ),
      { object: "Date", property: "now", message },
      { object: "Math", property: "random", message },
      { object: "AbortSignal", property: "timeout", message },
      { object: "process", property: "hrtime", message },
    ],
  },
};

export default defineConfig(
  { ignores: ["**/dist/", "**/node_modules/", "coverage/"] },
  js.configs.recommended,
  {
    files: ["**/*.{ts,tsx}"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      // A method of an asynchronous contract is async so that what it throws is a rejection.
      "@typescript-eslint/require-await": "off",
      // Collaborators are plain objects with closures, taken apart freely; where `this` is needed a #field throws at once.
      "@typescript-eslint/unbound-method": "off",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
  {
    files: ["**/*.{js,mjs,cjs}"],
    // The type checker knows every global; plain scripts say which world they run in.
    languageOptions: {
      globals: Object.fromEntries(
        ["console", "performance", "process", "URL", "setTimeout", "clearTimeout", "setInterval"].map(
          (name) => [name, "readonly"],
        ),
      ),
    },
  },
  injected,
  ...Object.keys(layers).flatMap(packageWalls),
);
