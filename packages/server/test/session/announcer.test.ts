import { describe, expect, it } from "vitest";
import { decodeEnvelope } from "../../src/delivery/envelope.js";
import { Announcer } from "../../src/session/announcer.js";
import { VirtualClock } from "../virtual-clock.js";

const TOLD = Uint8Array.of(1);

function world() {
  const clock = new VirtualClock();
  const state = { servers: ["me", "two"], lookUps: 0, failing: false, joined: [] as string[] };
  const sent: { readonly servers: readonly string[]; readonly envelope: Uint8Array }[] = [];
  const announcer = new Announcer(
    clock.runtime,
    {
      async serversOf() {
        state.lookUps++;
        if (state.failing) throw new Error("away");
        return state.servers;
      },
      async joined(_conversationId, userIds) {
        state.joined.push(...userIds);
      },
    },
    { publish: (servers, envelope) => void sent.push({ servers, envelope }) },
    "me",
  );
  const say = (head?: number, joined: readonly string[] = []): Promise<void> =>
    announcer.announce({ conversationId: "room", encoded: () => TOLD, joined, ...(head && { head }) });
  return { clock, state, sent, announcer, say };
}

describe("what is announced to the other servers", () => {
  it("is told at once while it is known whom, which is asked once for all of 100 ms", async () => {
    const { clock, state, sent, say } = world();
    await say(1);
    for (let head = 2; head <= 50; head++) await say(head);
    expect(sent).toEqual(Array.from({ length: 50 }, () => ({ servers: ["two"], envelope: TOLD })));
    expect(state.lookUps).toBe(1);
    clock.advance(100);
    await clock.settle();
    expect(state.lookUps).toBe(2);
    expect(sent).toHaveLength(50);
  });

  it("is asked for a lone message when it comes, and not again", async () => {
    const { clock, state, say } = world();
    await say(1);
    clock.advance(10_000);
    await clock.settle();
    expect(state.lookUps).toBe(1);
    await say(2);
    expect(state.lookUps).toBe(2);
  });

  it("reaches a server that came meanwhile, 100 ms later: it hears of the head, and reads", async () => {
    const { clock, state, sent, say } = world();
    await say(1);
    state.servers = ["me", "two", "three"];
    await say(5);
    await say(4);
    expect(sent[2]!.servers).toEqual(["two"]);
    await say();
    // Typing, say: it would come too late.
    expect(sent[3]!.servers).toEqual(["two", "three"]);
    sent.length = 0;
    clock.advance(100);
    await clock.settle();
    expect(sent.map(({ servers, envelope }) => [servers, decodeEnvelope(envelope)])).toEqual([
      [["three"], { conversationId: "room", head: 5, entries: [] }],
    ]);
    await say(6);
    expect(sent[1]!.servers).toEqual(["two", "three"]);
    expect(state.lookUps).toBe(3);
  });

  it("reaches the servers of those who have just joined, at once", async () => {
    const { state, sent, say } = world();
    await say(1);
    state.servers = ["me", "two", "three"];
    await say(2, ["cy"]);
    expect(state.joined).toEqual(["cy"]);
    expect(sent[1]!.servers).toEqual(["two", "three"]);
  });

  it("does not keep a look-up that failed, and looks no more once it is closed", async () => {
    const { clock, state, sent, announcer, say } = world();
    state.failing = true;
    await say(1);
    expect(sent).toEqual([]);
    state.failing = false;
    await say(2);
    await say(3);
    expect(sent).toHaveLength(2);
    expect(state.lookUps).toBe(2);
    announcer.close();
    clock.advance(1_000);
    await clock.settle();
    expect(state.lookUps).toBe(2);
  });
});
