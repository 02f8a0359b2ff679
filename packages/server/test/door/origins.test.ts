import { describe, expect, it } from "vitest";
import { originCheck } from "../../src/admission/allowed-origins.js";
import { createChatServer } from "../../src/index.js";
import { openServer } from "../open-server.js";
import { ListeningServer } from "./listening-server.js";

describe("the check of an origin", () => {
  it.each([
    ["https://app.example", "app.example", true],
    ["https://app.example", "app.example:443", true],
    ["http://app.example", "app.example:80", true],
    ["http://localhost:5173", "localhost:5173", true],
    ["https://APP.example", "app.EXAMPLE", true],
    ["https://app.example", "app.example:8443", false],
    ["https://app.example:8443", "app.example", false],
    ["https://evil.example", "app.example", false],
    ["https://app.example.evil.example", "app.example", false],
    ["https://evil.example/app.example", "app.example", false],
    ["null", "app.example", false],
    ["null", "null", false],
    ["", "", false],
    ["file://", "", false],
    ["https://app.example", undefined, false],
    ["https://evil.example", "app.example@evil.example", true],
    ["no origin at all", "app.example", false],
  ])("by default: %s at the host %s: %s", (origin, host, allowed) => {
    expect(originCheck(undefined)(origin, host)).toBe(allowed);
  });

  it("takes a list as it stands, instead of the default", () => {
    const check = originCheck(["https://app.example", "capacitor://localhost"]);
    expect(check("https://app.example", "chat.example")).toBe(true);
    expect(check("capacitor://localhost", "chat.example")).toBe(true);
    expect(check("https://chat.example", "chat.example")).toBe(false);
    expect(check("http://app.example", "chat.example")).toBe(false);
    expect(check("https://sub.app.example", "chat.example")).toBe(false);
  });

  it.each([
    "https://app.example/",
    "https://*.example",
    "app.example",
    "*",
    "null",
    "https://App.example",
    "",
  ])("refuses the entry %j at start", (entry) => {
    expect(() => originCheck([entry])).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });

  it("counts a check that throws as a no", () => {
    const check = originCheck(() => {
      throw new Error("a defect");
    });
    expect(check("https://app.example", "app.example")).toBe(false);
  });

  it("counts anything but true as a no: an async check must not let everybody in", () => {
    for (const answer of [Promise.resolve(false), Promise.resolve(true), 1, "yes", {}]) {
      expect(originCheck((() => answer) as unknown as () => boolean)("https://app.example", "x")).toBe(false);
    }
  });

  it("is made when the server is", () => {
    const options = { authenticate: () => ({ userId: "ana" }), allowedOrigins: ["*"] };
    // The store is not reached.
    expect(() => createChatServer({ ...options, store: undefined as never })).toThrow(/allowedOrigins/);
  });
});

describe("an upgrade", () => {
  it("is refused to a page of a foreign origin, with a sentence", async () => {
    const server = await ListeningServer.open();
    const refused = await server.upgrade({ origin: "https://evil.example" });
    expect(refused.status).toBe(403);
    expect(refused.body).toMatch(/allowedOrigins/);
    expect(server.chat.connections).toBe(0);
  });

  it("is granted to the own page, and to who sends no Origin", async () => {
    const server = await ListeningServer.open();
    expect(await server.upgrade({ origin: server.url })).toMatchObject({ status: 101 });
    expect(await server.upgrade()).toMatchObject({ status: 101 });
    expect(server.chat.connections).toBe(2);
  });

  it("goes by the list", async () => {
    const server = await ListeningServer.open({ allowedOrigins: ["https://app.example"] });
    expect(await server.upgrade({ origin: "https://app.example" })).toMatchObject({ status: 101 });
    expect(await server.upgrade({ origin: server.url })).toMatchObject({ status: 403 });
  });
});

describe("the HTTP service", () => {
  const list = (headers: Record<string, string>, method = "GET") =>
    new Request("http://chat.example/conversations", { method, headers });
  const token = { authorization: "Bearer ana" };

  it("answers a page of an allowed origin, and says so to its browser", async () => {
    const server = await openServer({ allowedOrigins: ["https://app.example"] });
    const answer = await server.fetch(list({ ...token, origin: "https://app.example" }));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(answer.headers.get("vary")).toMatch(/origin/i);
    const refusal = await server.fetch(list({ origin: "https://app.example" }));
    expect(refusal.status).toBe(401);
    expect(refusal.headers.get("access-control-allow-origin")).toBe("https://app.example");
  });

  it("answers the preflight", async () => {
    const server = await openServer({ allowedOrigins: ["https://app.example"] });
    const preflight = (origin: string) =>
      server.fetch(list({ origin, "access-control-request-method": "GET" }, "OPTIONS"));
    const answer = await preflight("https://app.example");
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-headers")).toContain("authorization");
    const refused = await preflight("https://evil.example");
    expect(refused.status).toBe(403);
    expect(refused.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("refuses a foreign origin before anything is done, and before the token is looked at", async () => {
    let asked = 0;
    const server = await openServer({
      authenticate: () => {
        asked++;
        return { userId: "ana" };
      },
    });
    const answer = await server.fetch(list({ ...token, origin: "https://evil.example" }));
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({ error: { code: "forbidden" } });
    expect(asked).toBe(0);
  });

  it("leaves paths alone that are not its own", async () => {
    const server = await ListeningServer.open();
    const answer = await fetch(`${server.url}/elsewhere`, { headers: { origin: "https://evil.example" } });
    expect(answer.status).toBe(404);
  });

  it("takes the host from the header when Node passes the request on", async () => {
    const server = await ListeningServer.open();
    const answer = await fetch(`${server.url}/conversations`, { headers: { ...token, origin: server.url } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe(server.url);
  });
});
