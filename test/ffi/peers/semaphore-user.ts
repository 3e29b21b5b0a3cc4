/**
 * With the semaphores of its first argument: takes 1 from number 0, adds 1 to number 2 to be undone at its end, and waits until
 * number 1 is 0.
 */
import { SEM_UNDO, semctlSetValue, semop } from "../../../src/ffi/mod.ts";

const array = Number(process.argv[2]);
console.log("ready");
// so that the line goes out before the thread blocks
setTimeout(() => {
  semop(array, [{ num: 0, op: -1 }]);
  semop(array, [{ num: 2, op: 1, flags: SEM_UNDO }]);
  semctlSetValue(array, 1, 1);
  console.log("taken");
  setTimeout(() => {
    for (;;) semop(array, [{ num: 1, op: 0 }]);
  }, 1);
}, 1);
