import { afterEach, expect, test } from "vitest";
import { createWorld, type World } from "./world.js";

let world: World;
afterEach(() => world.close());

async function pair() {
  world = createWorld();
  const { clock, server } = world;
  const room = server.createGroup(["ana", "bo"], "room");
  const [ana, bo] = [world.device("ana"), world.device("bo")];
  await clock.advance(1_000);
  return { clock, server, ana: ana.conversations.get(room)!, bo: bo.conversations.get(room)! };
}

test("shows who is writing, for as long as they say so", async () => {
  const { clock, ana, bo } = await pair();
  const seen: (readonly string[])[] = [];
  bo.subscribe(() => seen.push(bo.typing));
  for (let second = 0; second < 10; second++) {
    ana.setTyping(true);
    await clock.advance(1_000);
    expect(bo.typing).toEqual(["ana"]);
  }
  expect(seen).toEqual([["ana"]]);
  expect(ana.typing).toEqual([]);
  await clock.advance(6_000);
  expect(bo.typing).toEqual([]);
  expect(seen).toEqual([["ana"], []]);
});

test("ends with what the user takes back, with the message, and with the connection", async () => {
  const { clock, server, ana, bo } = await pair();
  ana.setTyping(true);
  await clock.advance(100);
  ana.setTyping(false);
  await clock.advance(100);
  expect(bo.typing).toEqual([]);
  ana.setTyping(true);
  await clock.advance(100);
  expect(bo.typing).toEqual(["ana"]);
  await ana.send("done");
  await clock.advance(500);
  expect(bo.typing).toEqual([]);
  ana.setTyping(true);
  await clock.advance(4_000);
  ana.setTyping(true);
  await clock.advance(100);
  expect(bo.typing).toEqual(["ana"]);
  server.cut();
  await clock.advance(50);
  expect(bo.typing).toEqual([]);
});
