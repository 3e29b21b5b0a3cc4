/** Sets a robust lock as pending, takes that back if it is told to, and ends: a thread of `robust-list.test.ts`. */
import { workerData } from "node:worker_threads";
import { setPendingRobust } from "../../../src/ffi/mod.ts";

const { address, over } = workerData as { address: number; over: boolean };
if (!setPendingRobust(address)) throw new Error("This thread has no robust list");
if (over) setPendingRobust(0);
