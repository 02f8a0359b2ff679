/** For `expect.poll`, where real clients connect over a real network. */
export const PATIENCE = { timeout: 20_000, interval: 20 };
