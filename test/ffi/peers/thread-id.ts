/** A worker that says its thread and its process. */
import { parentPort } from "node:worker_threads";
import { getpid, gettid } from "../../../src/ffi/ids.ts";

parentPort?.postMessage([gettid(), getpid()]);
