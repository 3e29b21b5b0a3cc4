/** One end of a ring, in a thread of its own. Its data says which; it answers with what it did. */
import { parentPort, workerData } from "node:worker_threads";
import { RingConsumer, type RingMemory, RingProducer } from "../../src/ring/mod.ts";

export interface EndTask {
  end: "producer" | "consumer";
  memory: RingMemory;
  count: number;
  seed: number;
  /** Size of the largest message in bytes. */
  largest: number;
  /** Whether to sleep when there is nothing to do, or to look again and again. */
  sleeps: boolean;
  /** Bytes per batch. */
  batch: number;
}

export interface EndReport {
  end: EndTask["end"];
  messages: number;
  bytes: number;
  slept: number;
  discarded: number;
}

if (parentPort !== null) {
  const task = workerData as EndTask;
  parentPort.postMessage(task.end === "producer" ? produce(task) : consume(task));
}

function produce({ memory, count, seed, largest, sleeps, batch }: EndTask): EndReport {
  const producer: RingProducer = new RingProducer(
    memory,
    { wake: () => Atomics.notify(memory.words, producer.peerWaiterOffset >>> 2) },
    { batchBytes: batch },
  );
  const report: EndReport = { end: "producer", messages: 0, bytes: 0, slept: 0, discarded: 0 };
  const message = new Uint8Array(largest);
  let random = seed;
  for (let sequence = 0; sequence < count; sequence++) {
    random = step(random);
    const length = lengthOf(random, largest);
    if (length <= producer.largestPayload && (random & 64) === 0) {
      let at = producer.tryClaim(length);
      while (at === -1) {
        wait(producer);
        at = producer.tryClaim(length);
      }
      fill(producer.bytes, at, length, sequence);
      producer.commit();
    } else {
      fill(message, 0, length, sequence);
      producer.beginMessage(message.subarray(0, length));
      while (!producer.continueMessage()) wait(producer);
    }
    report.messages++;
    report.bytes += length;
  }
  producer.close();
  return report;

  function wait(end: RingProducer): void {
    if (!sleeps || !end.prepareWait(1)) return;
    Atomics.wait(memory.words, end.waiterOffset >>> 2, 1);
    end.cancelWait();
    report.slept++;
  }
}

function consume({ memory, count, seed, largest, sleeps, batch }: EndTask): EndReport {
  const consumer: RingConsumer = new RingConsumer(
    memory,
    { wake: () => Atomics.notify(memory.words, consumer.peerWaiterOffset >>> 2) },
    { releaseBytes: batch },
  );
  const report: EndReport = { end: "consumer", messages: 0, bytes: 0, slept: 0, discarded: 0 };
  const target = new Uint8Array(largest);
  let random = seed;
  while (true) {
    const length = consumer.popInto(target);
    if (length === -1) {
      if (consumer.ended) break;
      if (!sleeps || !consumer.prepareWait(1)) continue;
      Atomics.wait(memory.words, consumer.waiterOffset >>> 2, 1);
      consumer.cancelWait();
      report.slept++;
      continue;
    }
    random = step(random);
    const expected = lengthOf(random, largest);
    if (report.messages >= count || length !== expected) {
      throw new Error(`Message ${report.messages} has ${length} bytes, not ${expected}`);
    }
    verify(target, length, report.messages);
    report.messages++;
    report.bytes += length;
  }
  report.discarded = consumer.discarded;
  consumer.close();
  return report;
}

function step(random: number): number {
  return (Math.imul(random, 1_664_525) + 1_013_904_223) | 0;
}

/** Mostly small, sometimes up to the largest. */
function lengthOf(random: number, largest: number): number {
  const value = random >>> 12;
  return (value & 63) === 0 ? value % (largest + 1) : value % 120;
}

function fill(bytes: Uint8Array, at: number, length: number, sequence: number): void {
  for (let i = 0; i < length; i++) bytes[at + i] = sequence + i * 7 + (sequence >>> 8);
}

function verify(bytes: Uint8Array, length: number, sequence: number): void {
  for (let i = 0; i < length; i++) {
    const expected = (sequence + i * 7 + (sequence >>> 8)) & 255;
    if (bytes[i] !== expected) throw new Error(`Byte ${i} of message ${sequence} is ${bytes[i]}, not ${expected}`);
  }
}
