import { type ChatClient, createChatClient } from "@chat/client";
import type { Browser } from "playwright-core";
import type { ChatPage } from "./chat-page.js";
import { Device, type DeviceOptions } from "./device.js";
import { ServerProcess } from "./server-process.js";

/** Somebody at a device, with the chat open in a tab. */
export interface Person {
  readonly device: Device;
  readonly page: ChatPage;
}

/** What one story happens in: a server, and devices around it. */
export class World {
  readonly server: ServerProcess;
  readonly #browser: Browser;
  readonly #devices: Device[] = [];
  readonly #clients: ChatClient[] = [];

  constructor(browser: Browser, server = new ServerProcess()) {
    this.#browser = browser;
    this.server = server;
  }

  async device(options: DeviceOptions = {}): Promise<Device> {
    const device = await Device.create(this.#browser, this.server, options);
    this.#devices.push(device);
    return device;
  }

  /** Somebody who has logged in on a new device. */
  async person(name: string, options?: DeviceOptions): Promise<Person> {
    const device = await this.device(options);
    const page = await device.open();
    await page.logIn(name);
    return { device, page };
  }

  /** Somebody whose device is this process, for what would take a browser long. */
  async client(name: string): Promise<ChatClient> {
    const origin = `http://127.0.0.1:${this.server.port}`;
    const response = await fetch(`${origin}/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name }),
    });
    const { userId, token } = (await response.json()) as { readonly userId: string; readonly token: string };
    return this.keep(createChatClient({ url: `${origin}/chat`, userId, token }));
  }

  /** Closes a client with everything else. Resolves with it once it is ready. */
  async keep(client: ChatClient): Promise<ChatClient> {
    this.#clients.push(client);
    await client.ready();
    return client;
  }

  /** What went wrong besides what the story looked at. */
  get problems(): readonly string[] {
    const { complaints } = this.server;
    const ofServer = complaints === "" ? [] : [`the server: ${complaints}`];
    return [...ofServer, ...this.#devices.flatMap(({ problems }) => problems)];
  }

  /** Pictures of every tab: `path-device-tab.png`. */
  async capture(path: string): Promise<void> {
    for (const [index, device] of this.#devices.entries()) await device.capture(`${path}-${index}`);
  }

  async dispose(): Promise<void> {
    for (const client of this.#clients) await client.close();
    for (const device of this.#devices) await device.dispose();
    await this.server.dispose();
  }
}
