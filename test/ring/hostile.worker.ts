/** A thread that writes into a ring and obeys nothing, until it is told to stop. It counts its writes, and says when it has begun. */
import { parentPort, workerData } from "node:worker_threads";
import { HostileRing, nextRandom } from "./hostile-ring.ts";

const { words, stop, seed } = workerData as { words: Int32Array<SharedArrayBuffer>; stop: Int32Array; seed: number };
const ring = new HostileRing(words);
let state = seed;
function below(limit: number): number {
  state = nextRandom(state);
  return Math.floor((state / 2 ** 32) * limit);
}

parentPort?.postMessage("begun");
while (Atomics.load(stop, 0) === 0) {
  ring.attack(below);
  Atomics.add(stop, 1, 1);
}
