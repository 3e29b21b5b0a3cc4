/**
 * `bun bench/channel-cost.ts [--json] [--runtime bun,node26,deno]`: what channels cost that nothing goes through. A fresh process opens
 * 1, 100 or 1,000 `ring:` channels, both ends, and parks in `receive()` on each: microseconds to open an end, resident memory and
 * descriptors per channel, and the CPU time of the process in 5 seconds of doing nothing, beside a process of the same runtime without any.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { commandFor, RUNTIME_NAMES, type RuntimeName } from "../test/support/runtimes.ts";

const COUNTS = [0, 1, 100, 200, 1000];
const IDLE_MS = 5000;

/** What one process found. */
interface Cost {
  readonly openUs: number;
  readonly residentKb: number;
  readonly descriptors: number;
  readonly idleCpuMs: number;
}

if (process.argv[2] === "measure") console.log(JSON.stringify(await measure(Number(process.argv[3]))));
else main();

function main(): void {
  const { values } = parseArgs({
    options: { json: { type: "boolean" }, runtime: { type: "string", default: "bun" } },
  });
  const rows = values.runtime.split(",").flatMap((name) => {
    const runtime = RUNTIME_NAMES.find((known) => known === name);
    if (runtime === undefined) throw new RangeError(`No runtime ${name}: ${RUNTIME_NAMES.join(", ")} would be right`);
    return COUNTS.map((channels) => ({ runtime, channels, ...inProcess(runtime, channels) }));
  });
  if (values.json) console.log(JSON.stringify(rows));
  else console.table(rows);
}

function inProcess(runtime: RuntimeName, channels: number): Cost {
  const { command, args, env } = commandFor(runtime, import.meta.filename, ["measure", String(channels)]);
  const { stdout, stderr, status } = spawnSync(command, args, { env: { ...process.env, ...env }, encoding: "utf8" });
  if (status !== 0) throw new Error(`${runtime} with ${channels} channels ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Cost;
}

async function measure(channels: number): Promise<Cost> {
  const { Channel } = await import("../src/ipc/channel.ts");
  const name = `ring:cost-${process.pid}`;
  if (channels > 0) await openAndClose(`${name}-warm`);
  const before = { resident: process.memoryUsage().rss, descriptors: readdirSync("/proc/self/fd").length };
  const start = performance.now();
  const ends = [];
  for (let i = 0; i < channels; i++) {
    const receiver = await Channel.receiver(`${name}-${i}`, { capacity: 65_536 });
    ends.push({ receiver, sender: await Channel.sender(`${name}-${i}`, { capacity: 65_536 }) });
  }
  const opened = performance.now();
  const waits = ends.map(({ receiver }) => receiver.receive());
  await sleep(1000);
  const each = Math.max(1, channels);
  const residentKb = (process.memoryUsage().rss - before.resident) / 1024 / each;
  const descriptors = (readdirSync("/proc/self/fd").length - before.descriptors) / each;
  const cpu = process.cpuUsage();
  await sleep(IDLE_MS);
  const { user, system } = process.cpuUsage(cpu);
  await Promise.all(ends.map(({ sender }) => sender.close()));
  await Promise.all(waits);
  await Promise.all(ends.map(({ receiver }) => receiver.close()));
  return {
    openUs: rounded((1000 * (opened - start)) / each / 2),
    residentKb: rounded(residentKb),
    descriptors: rounded(descriptors),
    idleCpuMs: rounded((user + system) / 1000),
  };

  async function openAndClose(address: string): Promise<void> {
    const receiver = await Channel.receiver(address);
    const sender = await Channel.sender(address);
    const wait = receiver.receive();
    await sender.send(new Uint8Array(1));
    await wait;
    await sender.close();
    await receiver.close();
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
