import { spawn } from "node:child_process";

/**
 * Opens the page for somebody who sits at this machine's own screen. Where that cannot be known, or fails,
 * nothing happens.
 */
export function openBrowser(url: string): void {
  const { CI, SSH_CONNECTION, BROWSER, DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (!process.stdout.isTTY || CI || SSH_CONNECTION || BROWSER === "none") return;
  const [command, ...args] = commandFor(url, DISPLAY || WAYLAND_DISPLAY);
  if (command === undefined) return;
  const child = spawn(command, args, { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}

function commandFor(url: string, display: string | undefined): string[] {
  if (process.platform === "darwin") return ["open", url];
  if (process.platform === "win32") return ["cmd", "/c", "start", "", url];
  return display ? ["xdg-open", url] : [];
}
