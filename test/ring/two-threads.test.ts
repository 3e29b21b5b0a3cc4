import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allocateRing, observeRing, type RingObservation } from "../../src/ring/mod.ts";
import { setIndices } from "./make-ring.ts";
import type { EndReport, EndTask } from "./two-threads.worker.ts";

const test = suite("ring between two threads");
const COUNT = 200_000;
const seed = Number(process.env.MILLRACE_TEST_SEED ?? Date.now() % 1_000_000);
const workerUrl = new URL("./two-threads.worker.ts", import.meta.url);
if (import.meta.url.endsWith(".js")) workerUrl.pathname = workerUrl.pathname.replace(/ts$/, "js");

for (const [name, capacity, count, options] of [
  ["sleeping", 4096, COUNT, { largest: 2040, sleeps: true, batch: 0 }],
  ["sleeping, in batches", 4096, COUNT, { largest: 2040, sleeps: true, batch: 1024 }],
  ["never sleeping", 65_536, COUNT, { largest: 2040, sleeps: false, batch: 0 }],
  ["never sleeping, in batches", 65_536, COUNT, { largest: 2040, sleeps: false, batch: 8192 }],
  ["sleeping, with messages larger than the ring", 4096, COUNT / 10, { largest: 20_000, sleeps: true, batch: 1024 }],
] as const) {
  test(`${count} messages arrive once, whole and in order, ${name} (seed ${seed})`, async () => {
    const memory = allocateRing(capacity);
    setIndices(memory, 2 ** 32 - 64 * 1024);
    const ends = (["consumer", "producer"] as const).map((end) => run({ end, memory, count, seed, ...options }));
    let running = true;
    const finished = Promise.all(ends).finally(() => {
      running = false;
    });
    let last: RingObservation | undefined;
    while (running) {
      const seen = observeRing(memory, memory.bytes.length);
      check(seen, last);
      last = seen;
      await Promise.race([finished, delay(5)]);
    }
    const [received, sent] = await finished;
    assert.is(sent?.messages, count);
    assert.is(received?.messages, count);
    assert.is(received?.bytes, sent?.bytes);
    assert.is(received?.discarded, 0);
    const { producer, consumer, used } = observeRing(memory, memory.bytes.length);
    assert.is(used, 0);
    for (const end of [producer, consumer]) {
      assert.is(end.messages, count);
      assert.is(end.bytes, sent?.bytes);
      assert.is(end.state, "closed");
    }
  });
}

/** What an observer sees at any time. */
function check(seen: RingObservation, last: RingObservation | undefined): void {
  assert.ok(seen.used <= seen.capacity);
  if (last === undefined) return;
  for (const end of ["producer", "consumer"] as const) {
    for (const counter of ["messages", "bytes", "stalls", "wakes"] as const) {
      assert.ok(seen[end][counter] >= last[end][counter], `${end}'s ${counter} go back`);
    }
  }
}

async function run(task: EndTask): Promise<EndReport> {
  const worker = new Worker(workerUrl, { workerData: task });
  try {
    const [report] = await once(worker, "message");
    return report as EndReport;
  } finally {
    await worker.terminate();
  }
}

test.run();
