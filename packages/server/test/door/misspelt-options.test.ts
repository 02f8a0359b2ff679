import { describe, expect, it } from "vitest";
import { type ChatServerOptions, createChatServer } from "../../src/index.js";
import { settingsOf } from "../../src/settings.js";
import { webPush } from "../../src/push/web-push/web-push.js";

const GOOD = { authenticate: () => ({ userId: "ana" }), store: undefined as never };

function refusal(message: string): unknown {
  return expect.objectContaining({ code: "invalid_argument", message });
}

describe("an option that there is not", () => {
  it.each([
    [{ settings: { conections: 10 } }, "There is no setting conections. Is it connections?"],
    [{ settings: { SENDRATE: 10 } }, "There is no setting SENDRATE. Is it sendRate?"],
    [{ settings: { maxUsers: 10 } }, "There is no setting maxUsers."],
    // Named as what every object has.
    [{ settings: { constructor: 10 } }, "There is no setting constructor."],
    [{ settings: JSON.parse('{"__proto__":{"sendRate":1}}') as object }, "There is no setting __proto__."],
    [{ authorise: () => false }, "There is no option authorise. Is it authorize?"],
    [{ allowedOrigin: [] }, "There is no option allowedOrigin. Is it allowedOrigins?"],
    [{ push: { provider: [] } }, "There is no option of push provider. Is it providers?"],
  ])("is refused, with the one that was meant: %j", (misspelt, message) => {
    const options = { ...GOOD, ...misspelt } as unknown as ChatServerOptions;
    expect(() => createChatServer(options)).toThrow(refusal(message));
  });

  it("is refused of Web Push: whom it may reach must not go unsaid", () => {
    const options = { vapid: { subject: "", publicKey: "", privateKey: "" }, host: ["push.example"] };
    expect(() => webPush({} as never, options as never)).toThrow(
      refusal("There is no option of webPush host. Is it hosts?"),
    );
  });

  it("is no matter where it is one, though it is undefined", () => {
    expect(settingsOf({ sendRate: undefined }).sendRate).toBe(settingsOf().sendRate);
  });
});
