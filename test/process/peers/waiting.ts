/** Waits for SIGUSR2, which keeps the process alive, and says what came. */
import { receive } from "../../../src/process/signals/mod.ts";

const receiver = receive(["SIGUSR2"]);
const come = receiver.next();
console.log("waiting");
const { signal, value } = await come;
receiver.close();
console.log(`${signal} ${value}`);
