/**
 * `bun bench/ring-in-process.ts [--json]`: one message through a ring and out again, in one thread, in plain memory. It
 * measures the instructions of both ends, not the traffic between two processors.
 *
 * Each sample is a burst of messages, in and out alternately, whose content is compared in the loop.
 */
import { cpus, release } from "node:os";
import { Bench } from "tinybench";
import { allocateRing, RingConsumer, RingProducer } from "../src/ring/mod.ts";

const CAPACITY = 1 << 20;
const BURST = 1000;
const SIZES = [8, 64, 1024, 65_536];
const WAYS = { "push and pop": pushAndPop, "push and popInto": pushAndPopInto, "claim and peek": claimAndPeek };

const bench = new Bench({ time: 300, warmupTime: 100 });
const messages = new Map<string, number>();
for (const [way, makeBurst] of Object.entries(WAYS)) {
  for (const size of SIZES) {
    for (const batchBytes of size <= 64 ? [0, 8192] : [0]) {
      const name = `${way}, ${size} B${batchBytes === 0 ? "" : `, batches of ${batchBytes}`}`;
      const count = Math.max(1, Math.min(BURST, (BURST * 1024) / size));
      messages.set(name, count);
      bench.add(name, makeBurst(size, count, batchBytes));
    }
  }
}
bench.runSync();

const rows = bench.tasks.map(({ name, result }) => {
  if (result.state !== "completed")
    throw new Error(`${name}: ${result.state}`, { cause: Reflect.get(result, "error") });
  const perMessage = 1e6 / (messages.get(name) ?? 1);
  return { name, medianNs: result.latency.p50 * perMessage, p99Ns: result.latency.p99 * perMessage };
});
if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ runtime: runtimeName(), cpu: cpus()[0]?.model, kernel: release(), rows }));
} else {
  console.table(
    rows.map(({ name, medianNs, p99Ns }) => ({ name, "median ns": round(medianNs), "p99 ns": round(p99Ns) })),
  );
}

function pushAndPop(size: number, count: number, batchBytes: number): () => void {
  const { producer, consumer } = makeRing(batchBytes);
  const message = new Uint8Array(size);
  let sequence = 0;
  return () => {
    for (let i = 0; i < count; i++) {
      stamp(message, 0, size, ++sequence);
      if (!producer.tryPush(message)) throw new Error("The ring is full");
      if (batchBytes === 0) verify(consumer.tryPop(), 0, size, sequence);
      else if (producer.pending === 0) drain();
    }
    producer.flush();
    if (batchBytes !== 0) drain();
  };
  function drain(): void {
    let last: Uint8Array | undefined;
    for (let next = consumer.tryPop(); next !== undefined; next = consumer.tryPop()) last = next;
    verify(last, 0, size, sequence);
  }
}

function pushAndPopInto(size: number, count: number, batchBytes: number): () => void {
  const { producer, consumer } = makeRing(batchBytes);
  const message = new Uint8Array(size);
  const target = new Uint8Array(size);
  let sequence = 0;
  return () => {
    for (let i = 0; i < count; i++) {
      stamp(message, 0, size, ++sequence);
      if (!producer.tryPush(message)) throw new Error("The ring is full");
      if (producer.pending === 0) drain();
    }
    producer.flush();
    if (batchBytes !== 0) drain();
  };
  function drain(): void {
    while (consumer.popInto(target) !== -1);
    verify(target, 0, size, sequence);
  }
}

/** Writes and reads the first and the last byte in place: what is left when nothing is copied. */
function claimAndPeek(size: number, count: number, batchBytes: number): () => void {
  const { producer, consumer } = makeRing(batchBytes);
  let sequence = 0;
  return () => {
    for (let i = 0; i < count; i++) {
      const at = producer.tryClaim(size);
      if (at === -1) throw new Error("The ring is full");
      stamp(producer.bytes, at, size, ++sequence);
      producer.commit(size);
      if (producer.pending === 0) drain();
    }
    producer.flush();
    if (batchBytes !== 0) drain();
  };
  function drain(): void {
    let last = -1;
    for (let at = consumer.tryPeek(); at !== -1; at = consumer.tryPeek()) {
      last = at;
      consumer.release();
    }
    if (last !== -1) verify(consumer.bytes, last, size, sequence);
  }
}

function makeRing(batchBytes: number): { producer: RingProducer; consumer: RingConsumer } {
  const memory = allocateRing(CAPACITY);
  const nobodySleeps = { wake() {} };
  return {
    producer: new RingProducer(memory, nobodySleeps, { batchBytes }),
    consumer: new RingConsumer(memory, nobodySleeps, { releaseBytes: batchBytes }),
  };
}

function stamp(bytes: Uint8Array, at: number, size: number, sequence: number): void {
  bytes[at] = sequence;
  bytes[at + size - 1] = sequence >>> 8;
}

function verify(bytes: Uint8Array | undefined, at: number, size: number, sequence: number): void {
  if (bytes === undefined || bytes[at] !== (sequence & 255) || bytes[at + size - 1] !== ((sequence >>> 8) & 255)) {
    throw new Error(`Message ${sequence} came wrong`);
  }
}

function runtimeName(): string {
  return process.versions.bun === undefined ? `node ${process.versions.node}` : `bun ${process.versions.bun}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
