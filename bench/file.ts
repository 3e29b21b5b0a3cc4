/**
 * `bun bench/file.ts [FOLDER] [--json]` says what a ring in a file costs: nanoseconds for each message of 100 bytes, sent and received in one
 * process, in a FOLDER (the system's temporary one by default) and, to compare, of a `ring:`; with each value of `durable`, one by one and in
 * batches of 1,000; and received again.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Channel } from "../src/mod.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "boolean" } } });
const folder = mkdtempSync(join(positionals[0] ?? tmpdir(), "bench-file-"));
const message = new Uint8Array(100).fill(7);
const batch = new Array<Uint8Array>(1000).fill(message);
const ROUNDS = 7;

interface Case {
  readonly name: string;
  readonly address: string;
  readonly durable?: "none" | "close" | "each";
  readonly batches: boolean;
  /** Messages of a round. */
  readonly count: number;
}

const CASES: readonly Case[] = [
  { name: "ring:, one by one", address: "ring:bench-file", batches: false, count: 20_000 },
  { name: "ring:, batches", address: "ring:bench-file", batches: true, count: 20_000 },
  { name: "none, one by one", address: `file:${folder}/none`, durable: "none", batches: false, count: 20_000 },
  { name: "none, batches", address: `file:${folder}/none`, durable: "none", batches: true, count: 20_000 },
  { name: "each, one by one", address: `file:${folder}/each`, durable: "each", batches: false, count: 50 },
  { name: "each, batches", address: `file:${folder}/each`, durable: "each", batches: true, count: 5000 },
];

const figures: Record<string, number> = {};
try {
  await measure({ name: "warm-up", address: `file:${folder}/warm-up`, durable: "none", batches: false, count: 20_000 });
  for (const one of CASES) figures[one.name] = median(await measure(one));
  figures["received again"] = await replay();
  if (values.json) console.log(JSON.stringify({ nanosecondsPerMessage: figures, runtime: process.versions }));
  else for (const [name, ns] of Object.entries(figures)) console.log(`${name.padEnd(20)} ${Math.round(ns)} ns`);
} finally {
  rmSync(folder, { recursive: true });
}

async function measure({ address, durable, batches, count }: Case): Promise<number[]> {
  const options = durable === undefined ? {} : { durable };
  await using sender = await Channel.sender(address, options);
  await using receiver = await Channel.receiver(address);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let sent = 0; sent < count; ) {
      if (batches) {
        await sender.sendMany(batch);
        sent += batch.length;
      } else {
        sender.sendSync(message);
        sent++;
      }
      for (let got = receiver.tryReceive(); got !== undefined; got = receiver.tryReceive()) check(got);
    }
    times.push(((performance.now() - start) * 1e6) / count);
  }
  return times;
}

async function replay(): Promise<number> {
  await using receiver = await Channel.receiver(`file:${folder}/none`, { from: "oldest" });
  const start = performance.now();
  let count = 0;
  for (let got = receiver.tryReceive(); got !== undefined; got = receiver.tryReceive(), count++) check(got);
  return ((performance.now() - start) * 1e6) / count;
}

function check(got: Uint8Array): void {
  if (got.length !== message.length || got[50] !== 7) throw new Error("A message came that was not sent");
}

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1] as number;
}
