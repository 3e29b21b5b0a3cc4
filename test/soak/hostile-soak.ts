import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { HostileRing, type Outcomes } from "../ring/hostile-ring.ts";

export interface HostileSoakResult {
  readonly seed: number;
  /** Cases with writes between the calls, and with a thread that writes without a pause. */
  cases: { between: number; meanwhile: number };
  /** How often which call had which outcome. */
  outcomes: Outcomes[];
  problems: string[];
}

/**
 * Lets a writer that obeys nothing loose on rings, for so many cases: half of them with writes between the calls, half with another thread
 * that writes during the calls.
 */
export async function hostileSoak(cases: number, seed: number): Promise<HostileSoakResult> {
  const half = Math.ceil(cases / 2);
  const result: HostileSoakResult = { seed, cases: { between: 0, meanwhile: 0 }, outcomes: [], problems: [] };
  const stop = new Int32Array(new SharedArrayBuffer(8));
  const between = new HostileRing();
  const meanwhile = new HostileRing();
  result.outcomes.push(between.outcomes, meanwhile.outcomes);
  const worker = new Worker(new URL("../ring/hostile.worker.ts", import.meta.url), {
    workerData: { words: meanwhile.memory.words, stop, seed },
  });
  try {
    for (; result.cases.between < half; result.cases.between++) between.run(seed + result.cases.between, true);
    await once(worker, "message");
    for (; result.cases.meanwhile < cases - half; result.cases.meanwhile++) {
      meanwhile.run(seed + result.cases.meanwhile, false);
    }
  } catch (error) {
    result.problems.push(String(error));
  } finally {
    Atomics.store(stop, 0, 1);
    await worker.terminate();
  }
  return result;
}
