/**
 * `bun bench/funnel.ts [--rounds N] [--count N]`: what a message costs when 1, 2 and 4 processes send to one, over a funnel, beside a ring with one sender
 * and beside as many unix sockets, interleaved in one run. Every message is verified. Median of the rounds, nanoseconds for each message.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { commandFor } from "../test/support/runtimes.ts";

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, count: { type: "string", default: "200000" } },
});
const worker = resolve(import.meta.dirname, "funnel/worker.ts");
const folder = mkdtempSync("/dev/shm/millrace-bench-");

interface Contender {
  readonly name: string;
  readonly way: "channel" | "unix";
  readonly senders: number;
  /** How many times fewer messages it gets, since it is that much slower. */
  readonly slower: number;
  target(number: number): string;
}

const funnel = (senders: number): Contender => ({
  name: `funnel, ${senders} sending`,
  way: "channel",
  senders,
  slower: 1,
  target: (number) => `funnel:bench-${process.pid}-${number}`,
});
const unix = (senders: number): Contender => ({
  name: `Bun unix sockets, ${senders} sending`,
  way: "unix",
  senders,
  slower: 8,
  target: (number) => join(folder, `s${number}`),
});
const ring: Contender = {
  name: "ring, 1 sending",
  way: "channel",
  senders: 1,
  slower: 1,
  target: (number) => `ring:bench-${process.pid}-${number}`,
};
const CONTENDERS = [ring, funnel(1), funnel(2), funnel(4), unix(1), unix(4)];

const samples = new Map<string, number[]>();
let made = 0;
try {
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const contender of round % 2 === 0 ? CONTENDERS : CONTENDERS.toReversed()) {
      for (const size of [64, 1024]) {
        const key = `${contender.name}|${size}`;
        samples.set(key, [...(samples.get(key) ?? []), await measure(contender, size)]);
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.table(
  CONTENDERS.map(({ name }) => ({
    contender: name,
    "64 B (ns)": middle(samples.get(`${name}|64`) ?? []),
    "1 KiB (ns)": middle(samples.get(`${name}|1024`) ?? []),
  })),
);

/** @returns nanoseconds for each message after the first quarter */
async function measure({ way, senders, slower, target }: Contender, size: number): Promise<number> {
  const count = Math.ceil(Number(options.count) / slower / senders / (size > 64 ? 2 : 1));
  const place = target(++made);
  const start = (role: string, sender: number) => {
    const args = [role, way, place, senders, sender, size, count].map(String);
    const { command, args: all, env } = commandFor("bun", worker, args);
    return spawn(command, all, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "inherit"] });
  };
  const receiver = start("receive", 0);
  const output = linesOf(receiver);
  await once(receiver.stdout as NonNullable<typeof receiver.stdout>, "data");
  const started = Array.from({ length: senders }, (_, sender) => start("send", sender));
  await Promise.all(started.map(({ stdout }) => once(stdout as NonNullable<typeof stdout>, "data")));
  for (const { stdin } of started) stdin?.write("go\n");
  await once(receiver, "close");
  for (const child of started) child.kill();
  const total = count * senders;
  const ns = Number(output().at(-1)) / (total - (total >> 2));
  if (!(ns > 0)) throw new Error(`${place}: the receiver said ${output().join("; ")}`);
  return ns;
}

function linesOf(child: ChildProcess): () => string[] {
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  return () => text.trim().split("\n");
}

function middle(values: number[]): number {
  return Number((values.toSorted((a, b) => a - b)[values.length >> 1] as number).toPrecision(3));
}
