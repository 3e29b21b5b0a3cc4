/** A worker that makes calls fail with EBADF until word 1 is set, and says how often errno was another one. Sets word 0 when it runs. */
import { parentPort } from "node:worker_threads";
import { EBADF } from "../../../src/ffi/abi/errno.ts";
import { recommendedLibrary } from "../../../src/ffi/recommended.ts";

parentPort?.once("message", (words: Int32Array) => {
  const library = recommendedLibrary();
  const { close } = library.bind({ close: { parameters: ["i32"], result: "i32" } });
  let wrong = 0;
  do {
    for (let round = 0; round < 1000; round++) {
      if (close(-1) !== -1 || library.errno() !== EBADF) wrong++;
    }
    Atomics.store(words, 0, 1);
    Atomics.notify(words, 0);
  } while (Atomics.load(words, 1) === 0);
  parentPort?.postMessage(wrong);
  // Node 26.10 crashes when a Worker ends while calls by node:ffi are being compiled, which the loop above has just made hot
  if (library.name === "node:ffi") setTimeout(() => {}, 3000);
});
