import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import type { ZooKeeperClient } from "../../src/discovery/zookeeper/index.js";
import { zookeeperDiscovery } from "../../src/discovery/zookeeper/index.js";
import { VirtualClock } from "../virtual-clock.js";

it("keeps a client that another call has opened since a slow one began", async () => {
  const clock = new VirtualClock();
  const clients: { readonly events: EventEmitter; isOpen: boolean }[] = [];
  const open = (): ZooKeeperClient => {
    const client = { events: new EventEmitter(), isOpen: true };
    clients.push(client);
    const calls: Partial<ZooKeeperClient> = {
      connect: () => {},
      close: () => void (client.isOpen = false),
      once: (event, listener) => client.events.once(event, listener),
      getState: () => ({ name: "SYNC_CONNECTED" }),
      getChildren: (_, done) => done(null, []),
    };
    return calls as ZooKeeperClient;
  };
  const discovery = zookeeperDiscovery(open, { clock: clock.runtime.clock });
  const refused = { code: "store_unavailable" };
  const first = expect(discovery.list()).rejects.toMatchObject(refused);
  clock.advance(3_000);
  const second = expect(discovery.list()).rejects.toMatchObject(refused);
  clock.advance(2_000);
  await first;
  expect(clients.map(({ isOpen }) => isOpen)).toEqual([false]);
  const third = discovery.list();
  clients[1]!.events.emit("connected");
  expect(await third).toEqual([]);
  clock.advance(3_000);
  await second;
  expect(clients.map(({ isOpen }) => isOpen)).toEqual([false, true]);
  await discovery.close();
});
