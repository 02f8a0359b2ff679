import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { PushSender } from "../../src/push/push-sender.js";
import { VirtualClock } from "../virtual-clock.js";
import { RecordingProvider } from "./recording-provider.js";

it("keeps nothing of a push that is done with", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const clock = new VirtualClock();
  const provider = new RecordingProvider();
  const signals: WeakRef<AbortSignal>[] = [];
  provider.answer = (_, signal) => {
    signals.push(new WeakRef(signal));
    return { status: "sent" };
  };
  const sender = new PushSender({
    runtime: clock.runtime,
    pushes: { unsubscribe: () => Promise.resolve() },
    providers: new Map([[provider.name, provider]]),
  });
  const subscription = {
    ...{ userId: "bo", deviceId: crypto.randomUUID(), provider: provider.name, address: "a", target: {} },
  };
  const push = { payload: {}, collapseKey: "room", timeToLive: 1_000 };
  for (let count = 0; count < 200; count++)
    await sender.send(subscription, push, () => Promise.resolve(true));
  await clock.settle();
  collectGarbage();
  const held = signals.filter((signal) => signal.deref() !== undefined).length;
  expect(signals).toHaveLength(200);
  // The last one may still be on the stack.
  expect(held).toBeLessThan(10);
  sender.close();
});
