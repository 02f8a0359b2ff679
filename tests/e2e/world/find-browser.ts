import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "microsoft-edge",
  "microsoft-edge-stable",
  "msedge",
  "chrome",
];
const PLACES = {
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
  ],
  win32: ["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"].flatMap((folder) => [
    join(process.env[folder] ?? "", "Google/Chrome/Application/chrome.exe"),
    join(process.env[folder] ?? "", "Microsoft/Edge/Application/msedge.exe"),
  ]),
};

/**
 * A Chromium, Chrome or Edge of this machine: `CHROME_PATH`, else what is in the path, else in the usual places.
 * @returns undefined if there is none
 * @throws Error if `CHROME_PATH` names none
 */
export function findBrowser(): string | undefined {
  const { CHROME_PATH, PATH = "" } = process.env;
  if (CHROME_PATH) {
    if (isExecutable(CHROME_PATH)) return CHROME_PATH;
    throw new Error(`CHROME_PATH is "${CHROME_PATH}", and no program is there.`);
  }
  const inPath = NAMES.flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name)));
  const { platform } = process;
  const usual = platform === "darwin" || platform === "win32" ? PLACES[platform] : [];
  return [...inPath, ...usual].find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
