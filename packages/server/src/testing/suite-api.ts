/**
 * What a suite needs of a test runner; vitest's `describe` and `it` fit, and those of node:test and jest.
 * They are handed in, because vitest can't be required from CommonJS.
 */
export interface SuiteApi {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>, timeout?: number): unknown;
}

/** How long one case may take, ms. Some store thousands of entries. */
export const CASE_TIMEOUT = 60_000;
