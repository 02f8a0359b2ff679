import { createServerCodec, type UserPresence } from "@chat/protocol";
import { expect, it } from "vitest";
import { PresenceWatch } from "../../src/delivery/presence/presence-watch.js";
import type { Recipient } from "../../src/delivery/recipient.js";

/** A session that keeps what it is told, and may be crowded. */
class Session implements Recipient {
  readonly deviceId = "5f0c1d52-8a3e-4e8e-9a53-5a1a1c7d1b11";
  readonly told: Uint8Array[] = [];
  isCrowded = false;

  constructor(readonly userId: string) {}

  deliver(frame: Uint8Array): void {
    this.told.push(frame);
  }

  offer(frame: Uint8Array): boolean {
    if (!this.isCrowded) this.told.push(frame);
    return !this.isCrowded;
  }

  resync(): void {}
}

const { encode } = createServerCodec();
const frameOf = (presence: UserPresence) => encode({ type: "presence-changed", presence });
const ana = (status: UserPresence["status"]): UserPresence => ({ userId: "ana", status });

function tell(watch: PresenceWatch, presence: UserPresence): void {
  watch.tell(presence, presence);
}

it("tells a session that was answered in between what is so, though it is no news to the others", () => {
  const watch = new PresenceWatch(encode);
  const [bo, cy] = [new Session("bo"), new Session("cy")];
  watch.add(bo, ["ana"]);
  tell(watch, ana("online"));
  // She is away for a moment, in which cy asks, and is back before anybody is told.
  watch.add(cy, ["ana"]);
  watch.answered(cy, [ana("away")]);
  tell(watch, ana("online"));
  watch.makeUp();
  expect(cy.told).toEqual([frameOf(ana("online"))]);
  expect(bo.told).toEqual([frameOf(ana("online"))]);
});

it("makes up for nothing that is of somebody whom the session sees no longer", () => {
  const watch = new PresenceWatch(encode);
  const [bo, cy] = [new Session("bo"), new Session("cy")];
  for (const session of [bo, cy]) watch.add(session, ["ana", "di"]);
  bo.isCrowded = true;
  tell(watch, ana("online"));
  watch.hide(bo, ["ana"]);
  bo.isCrowded = false;
  watch.makeUp();
  expect(bo.told).toEqual([frameOf(ana("offline"))]);
  expect(cy.told).toEqual([frameOf(ana("online"))]);
});
