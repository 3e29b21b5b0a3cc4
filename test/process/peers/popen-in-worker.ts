/** A worker that runs programs, and says what they wrote and how they ended. */
import { parentPort } from "node:worker_threads";
import { SIGKILL } from "../../../src/ffi/abi/current.ts";
import { popen } from "../../../src/process/popen.ts";

const reader = popen("echo from a worker; exit 3", "r");
const text = await reader.text();
const read = await reader.close();

const writer = popen('test "$(wc -c)" = 300000', "w");
await writer.write(new Uint8Array(300_000));
const written = await writer.close();

const sleeper = popen(["sleep", "1000"], "w");
const ended = sleeper.close();
sleeper.kill(SIGKILL);
parentPort?.postMessage({ text, read, written, killed: await ended });
