/** A worker that writes its thread's id into the second word, blocks on the first with a bitset, and says why it returned. */
import { parentPort, workerData } from "node:worker_threads";
import { CLOCK_MONOTONIC } from "../../../src/ffi/abi/current.ts";
import { clockGettime } from "../../../src/ffi/clock.ts";
import { futexWaitBitset } from "../../../src/ffi/futex.ts";
import { gettid } from "../../../src/ffi/ids.ts";

const { words, address, bitset } = workerData as { words: Int32Array; address: number; bitset: number };
Atomics.store(words, 1, gettid());
parentPort?.postMessage(futexWaitBitset(address, 0, clockGettime(CLOCK_MONOTONIC) + 20_000, bitset));
