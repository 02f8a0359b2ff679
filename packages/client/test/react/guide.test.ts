// @vitest-environment happy-dom
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { act, createElement, type FunctionComponent } from "react";
import { createRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { fakeServer } from "../../src/testing/fake-server.js";
import { virtualClock, virtualRuntime } from "../../src/testing/virtual-clock.js";

type App = FunctionComponent<{ userId: string; getToken: () => Promise<string> }>;

test("the guide's app runs as it stands", async () => {
  const root = join(import.meta.dirname, "../../../..");
  const guide = readFileSync(join(root, "docs/guides/react.md"), "utf8");
  const code = /```tsx react\n([\s\S]*?)```/.exec(guide)?.[1];
  const options = 'options={{ url: "/chat", userId, token: getToken }}';
  expect(code).toContain(options);

  const clock = virtualClock();
  const server = fakeServer({ runtime: virtualRuntime(clock, 1) });
  const room = server.createGroup(["ana", "bo"], "room", "Lunch");
  for (let id = 2; id <= 100; id++) server.post(room, "bo", `noodles ${id}`);
  server.redact(room, "bo", 100);
  Object.assign(globalThis, {
    IS_REACT_ACT_ENVIRONMENT: true,
    GUIDE_WORLD: { runtime: virtualRuntime(clock, 2), transport: server.connect },
  });

  const folder = mkdtempSync(join(import.meta.dirname, ".guide-"));
  try {
    const given = options.replace('"/chat"', '"wss://chat.test/"').replace(" }}", ", ...GUIDE_WORLD }}");
    writeFileSync(join(folder, "app.tsx"), `/** @jsxImportSource react */\n${code!.replace(options, given)}`);
    const { App } = (await import(join(folder, "app.tsx"))) as { App: App };
    const app = createElement(App, { userId: "ana", getToken: () => Promise.resolve("a token") });
    expect(renderToString(app)).toContain("Offline.");

    const page = document.createElement("div");
    const shown = createRoot(page);
    await act(async () => shown.render(app));
    await act(() => clock.advance(2_000));
    expect(page.textContent).toBe("Lunch: ");
    await act(async () => page.querySelector("button")!.click());
    await act(() => clock.advance(1_000));
    expect(page.textContent).toContain("bo: noodles 99");
    expect(page.textContent).toContain("bo: This message was deleted.");
    expect(page.textContent).not.toContain("noodles 20");
    await act(async () => page.querySelector<HTMLButtonElement>("section button")!.click());
    await act(() => clock.advance(1_000));
    expect(page.textContent).toContain("noodles 50");
    await act(async () => shown.unmount());
    await clock.advance(100);
    expect(server.sessions).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
