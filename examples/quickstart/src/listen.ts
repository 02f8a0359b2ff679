import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

const USUAL_PORT = 3000;

/**
 * Listens on port 3000, or a free one when that is taken; on PORT, and on no other, where it is set. Only
 * this machine can connect, unless HOST says otherwise: the example's login lets everybody in.
 * @returns the address
 * @throws Error with a sentence for the console
 */
export async function listen(
  server: Server,
  { PORT, HOST = "127.0.0.1" }: NodeJS.ProcessEnv,
): Promise<string> {
  if (PORT !== undefined && !(/^\d{1,5}$/.test(PORT) && Number(PORT) <= 65_535)) {
    throw new Error(`PORT must be a number from 0 to 65535, and is "${PORT}".`);
  }
  try {
    await tryPort(server, PORT === undefined ? USUAL_PORT : Number(PORT), HOST);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    if (PORT !== undefined) {
      throw new Error(`Port ${PORT} is taken. Set PORT to another one, or leave it out.`, { cause: error });
    }
    console.log(`Port ${USUAL_PORT} is taken, so another one is used.`);
    await tryPort(server, 0, HOST);
  }
  const { port } = server.address() as AddressInfo;
  const name = HOST === "0.0.0.0" || HOST === "::" ? "127.0.0.1" : HOST;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

function tryPort(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
