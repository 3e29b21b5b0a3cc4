/** A worker that counts itself in in the second word, blocks on the first, and says why it returned. */
import { parentPort, workerData } from "node:worker_threads";
import { futexWait } from "../../../src/ffi/futex.ts";

const { words, address } = workerData as { words: Int32Array; address: number };
Atomics.add(words, 1, 1);
parentPort?.postMessage(futexWait(address, 0, 20_000));
