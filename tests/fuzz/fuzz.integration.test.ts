import { expect, test } from "vitest";
import { fuzz } from "./fuzz.js";

test(
  "hostile peers bring neither server nor client down, and bystanders notice nothing",
  { timeout: 180_000 },
  async () => {
    const { figures, findings } = await fuzz({ seed: 1, seconds: 10, print: () => {} });
    expect(Object.fromEntries(findings)).toEqual({});
    // It got somewhere.
    expect(figures.connections).toBeGreaterThan(10);
    expect(figures.answers).toBeGreaterThan(50);
    expect(figures.requests).toBeGreaterThan(20);
    expect(figures.clientMessages).toBeGreaterThan(10);
    expect(figures.bystanderMessages).toBeGreaterThan(1);
  },
);
