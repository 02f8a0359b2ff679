import { spawn } from "node:child_process";

const posix = process.platform !== "win32";
const running = new Set();
let ending = false;

/**
 * Runs a command to its end and owns it: whatever ends this process ends the command and all that it started.
 * With `capture` the output is collected in place of being shown, with `onLine` it is handed on line by line.
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(command, args, { cwd, env, capture = false, onLine, limitMinutes } = {}) {
  const output = capture || onLine ? "pipe" : "inherit";
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", output, output],
    // A process group of its own, so that one signal reaches the grandchildren too.
    detached: posix,
    // npm and the commands in node_modules/.bin are .cmd files there.
    shell: !posix,
  });
  running.add(child);

  let text = "";
  const collect = (chunk) => {
    text += chunk;
    if (!onLine) return;
    const lines = text.split("\n");
    text = lines.pop();
    for (const line of lines) onLine(line);
  };
  child.stdout?.setEncoding("utf8").on("data", collect);
  child.stderr?.setEncoding("utf8").on("data", collect);
  const limit =
    limitMinutes &&
    setTimeout(() => {
      const line = `\nended after ${limitMinutes} minutes, its limit\n`;
      if (output === "pipe") collect(line);
      else console.error(line);
      signal(child, "SIGKILL");
    }, limitMinutes * 60_000);

  // What the command left behind in its group ends with it. It also holds the pipes open: no "close" before.
  child.on("exit", () => void endGroup(child));

  return new Promise((resolve, reject) => {
    child.on("error", (error) => {
      running.delete(child);
      clearTimeout(limit);
      reject(error);
    });
    child.on("close", async (code) => {
      clearTimeout(limit);
      await endGroup(child);
      running.delete(child);
      // At the end of everything nobody goes on to the next step.
      if (!ending) resolve({ code: code ?? 1, output: text });
    });
  });
}

async function endGroup(child) {
  // A server may take a second SIGTERM as "do not wait", so there is only one.
  if (!ending) signal(child, "SIGTERM");
  for (let waited = 0; waited < 8_000 && signal(child, 0); waited += 50) {
    await new Promise((done) => setTimeout(done, 50));
  }
  signal(child, "SIGKILL");
}

/** @returns {boolean} whether anybody was there to get it */
function signal(child, name) {
  try {
    return posix ? process.kill(-child.pid, name) : child.kill(name);
  } catch {
    return false;
  }
}

function signalAll(name) {
  for (const child of running) signal(child, name);
}

function end(code) {
  // A second Ctrl-C does not wait.
  if (ending) process.exit(code);
  ending = true;
  signalAll("SIGTERM");
  setTimeout(() => process.exit(code), 10_000);
  setInterval(() => running.size === 0 && process.exit(code), 20);
}

process.on("SIGINT", () => end(130));
process.on("SIGTERM", () => end(143));
process.on("SIGHUP", () => end(129));
process.on("exit", () => signalAll("SIGKILL"));

// A SIGTERM for `npm start` or `npm test` reaches the shell between npm and this process, and goes no further.
if (posix && process.env.npm_lifecycle_event) {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && !ending && end(143), 250).unref();
}
