/** A worker that writes its thread's id into a word of its own, blocks on the first word, and says why it returned. */
import { parentPort, workerData } from "node:worker_threads";
import { futexWait } from "../../../src/ffi/futex.ts";
import { gettid } from "../../../src/ffi/ids.ts";

const { words, address, index } = workerData as { words: Int32Array; address: number; index: number };
Atomics.store(words, 1 + index, gettid());
parentPort?.postMessage(futexWait(address, 0, 20_000));
