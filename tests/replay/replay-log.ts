import { chooseCut } from "./choose-cut.js";
import { compareEntries } from "./compare-entries.js";
import type { CuttingProxy } from "./cutting-proxy.js";
import type { Device } from "./device.js";
import { DeviceFleet } from "./device-fleet.js";
import { type Expectation, expectationOf } from "./expectation.js";
import { type LogReport, noTroubles, type Trouble } from "./log-report.js";
import { playLog } from "./play-log.js";
import type { PlayRequest } from "./player.js";
import { SeededRandom } from "./seeded-random.js";

/** Sentences kept per log. */
const EXAMPLES = 20;

/** Where and how a log is played. */
export interface ReplayLogOptions extends PlayRequest {
  /** Where the proxy is. */
  readonly url: string;
  readonly proxy: CuttingProxy;
  onStep(): void;
  onCut(): void;
  onDevice(change: 1 | -1): void;
}

/** Collects what is wrong. */
class Findings {
  readonly troubles = noTroubles();
  readonly examples: string[] = [];

  add(trouble: Trouble, detail: string): void {
    this.troubles[trouble]++;
    if (this.examples.length < EXAMPLES) this.examples.push(`${trouble}: ${detail}`);
  }

  get count(): number {
    return Object.values(this.troubles).reduce((total, count) => total + count, 0);
  }
}

/** Plays one log through clients of its own, then compares what every device holds with it. Never rejects. */
export async function replayLog(options: ReplayLogOptions): Promise<LogReport> {
  const { script, seed, proxy, names } = options;
  const expectation = expectationOf(script);
  const random = new SeededRandom(`${seed} ${script.name}`);
  const findings = new Findings();
  const started = performance.now();
  let cuts = 0;
  let compared = 0;
  const fleet = new DeviceFleet(script, random, options, options.onDevice);

  function onCut(): void {
    cuts++;
    options.onCut();
  }

  async function check(device: Device): Promise<void> {
    try {
      const visible = expectation.visibleTo(device.account);
      const held = await device.everything(visible.at(-1)?.messageId ?? 0);
      compared += visible.length;
      for (const { difference, detail } of compareEntries(visible, held, expectation.entries)) {
        findings.add(difference, `${device.account} (${device.plan}): ${detail}`);
      }
      for (const sentence of await device.wrongNames(renamed, names)) {
        findings.add("names", sentence);
      }
    } catch (error) {
      findings.add("failed", sentenceOf(error));
    }
    for (const complaint of device.complaints) findings.add("live", complaint);
  }

  const renamed = [
    ...new Set(script.steps.flatMap((step) => (step.type === "rename" ? [step.account] : []))),
  ];
  try {
    await playLog({
      script,
      fleet,
      random,
      onStep() {
        options.onStep();
        if (random.chance(options.cutRate)) proxy.cut(chooseCut(random), random, onCut);
      },
    });
  } catch (error) {
    findings.add("failed", sentenceOf(error));
  }
  const playedSeconds = (performance.now() - started) / 1000;
  if (findings.count === 0) {
    fleet.assemble();
    await Promise.all(fleet.devices.map(check));
    await checkMembers(fleet.owner, expectation, findings);
  }
  const reconnects = fleet.devices.reduce((total, device) => total + device.reconnects, 0);
  await fleet.close().catch((error: unknown) => findings.add("failed", sentenceOf(error)));

  const messages = script.steps.filter(({ type }) => type === "say").length;
  const { topic, mode, empty, unreadable, absentLeaves } = script.counts;
  return {
    name: script.name,
    lines: options.lines,
    messages,
    entries: expectation.entries.length,
    accounts: script.accounts.length,
    devices: fleet.devices.length,
    compared,
    cuts,
    kills: 0,
    reconnects,
    troubles: findings.troubles,
    mismatches: findings.count,
    examples: findings.examples,
    ignored: topic + mode + empty + unreadable + absentLeaves,
    seconds: (performance.now() - started) / 1000,
    messagesPerSecond: messages / playedSeconds,
  };
}

async function checkMembers(owner: Device, expectation: Expectation, findings: Findings): Promise<void> {
  try {
    const members = await owner.members();
    const listed = new Set(members);
    if (listed.size !== members.length) findings.add("members", "The server lists a member twice.");
    for (const member of listed) {
      if (!expectation.members.has(member)) findings.add("members", `${member} is listed, but left.`);
    }
    for (const member of expectation.members) {
      if (!listed.has(member)) findings.add("members", `${member} is not listed as a member.`);
    }
  } catch (error) {
    findings.add("failed", sentenceOf(error));
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
