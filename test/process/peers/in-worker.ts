/** A worker that waits for a real-time signal and says its number. */
import { parentPort } from "node:worker_threads";
import { receive } from "../../../src/process/signals/mod.ts";

const receiver = receive(["SIGRTMIN+6"]);
parentPort?.postMessage("waiting");
const { value } = await receiver.next();
receiver.close();
parentPort?.postMessage(value);
