/** Handles SIGUSR2 and does nothing else: the handler does not keep the process alive. */
import { handle } from "../../../src/process/signals/mod.ts";

handle("SIGUSR2", () => {});
console.log("installed");
