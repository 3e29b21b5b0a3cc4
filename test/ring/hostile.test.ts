import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { deadline } from "../support/deadline.ts";
import { HostileRing } from "./hostile-ring.ts";

const test = suite("hostile memory");
const seed = Number(process.env.MILLRACE_TEST_SEED ?? Date.now() % 1_000_000);
const CASES = 10_000;
const workerUrl = new URL("./hostile.worker.ts", import.meta.url);
if (import.meta.url.endsWith(".js")) workerUrl.pathname = workerUrl.pathname.replace(/ts$/, "js");

test(
  `${CASES} cases of calls and hostile writes, one after the other (seed ${seed})`,
  deadline(60_000, () => {
    const ring = new HostileRing();
    const largest = largestAllocation(() => {
      for (let i = 0; i < CASES; i++) ring.run(seed + i, true);
    });
    // the largest maxMessageBytes of a case, and the room to put a message together
    assert.ok(largest <= 200_000, `${largest} bytes were allocated at once`);
    // it did something
    for (const seen of ["pop done", "pop IPC_CORRUPT", "pop IPC_TOO_LARGE", "push IPC_CORRUPT", "attach done"]) {
      assert.ok((ring.outcomes[seen] ?? 0) > 10, `${seen}: ${JSON.stringify(ring.outcomes)}`);
    }
    for (const seen of ["peek IPC_CORRUPT", "producer wait IPC_CORRUPT", "producer again IPC_CORRUPT"]) {
      assert.ok((ring.outcomes[seen] ?? 0) > 0, `${seen}: ${JSON.stringify(ring.outcomes)}`);
    }
  }),
);

test(
  `the same while another thread writes without a pause (seed ${seed})`,
  deadline(60_000, async () => {
    const ring = new HostileRing();
    const stop = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(workerUrl, { workerData: { words: ring.memory.words, stop, seed } });
    const count = (outcome: string) => ring.outcomes[outcome] ?? 0;
    try {
      await once(worker, "message");
      const largest = largestAllocation(() => {
        const before = Atomics.load(stop, 1);
        const seen = () => count("pop IPC_CORRUPT") + count("push IPC_CORRUPT");
        for (let i = 0; i < 3000 || Atomics.load(stop, 1) - before < 20_000 || (seen() <= 10 && i < 300_000); i++)
          ring.run(seed + i, false);
      });
      assert.ok(largest <= 200_000, `${largest} bytes were allocated at once`);
      assert.ok(count("pop IPC_CORRUPT") + count("push IPC_CORRUPT") > 10, JSON.stringify(ring.outcomes));
    } finally {
      Atomics.store(stop, 0, 1);
      await worker.terminate();
    }
  }),
);

/** Bytes of the largest array that somebody made by its length. */
function largestAllocation(action: () => void): number {
  const { Uint8Array: original } = globalThis;
  let largest = 0;
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args, newTarget) {
      if (typeof args[0] === "number") largest = Math.max(largest, args[0]);
      return Reflect.construct(target, args, newTarget);
    },
  });
  try {
    action();
  } finally {
    globalThis.Uint8Array = original;
  }
  return largest;
}

test.run();
