import { connect, createServer, type Socket } from "node:net";

/** A way to an engine that can be cut while both sides believe in it. */
export async function openWay(url: string) {
  const { hostname, port: target } = new URL(url);
  const ways: { near: Socket; far: Socket }[] = [];
  const server = createServer((near) => {
    const far = connect({ host: hostname, port: Number(target) });
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on("error", () => {});
    ways.push({ near, far });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    opened: () => ways.length,
    /** From now on the engine hears nothing from those who are connected. */
    deafen() {
      for (const { near } of ways) near.unpipe().resume();
    },
    /** As `deafen`, and they hear nothing from the engine. */
    cut() {
      for (const { near, far } of ways) for (const socket of [near, far]) socket.unpipe().resume();
    },
    close() {
      for (const { near, far } of ways) for (const socket of [near, far]) socket.destroy();
      server.close();
    },
  };
}
