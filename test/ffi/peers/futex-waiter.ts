/**
 * Maps the file of its first argument, says so, and waits until somebody wakes it on the second word, which is 0. Prints why it
 * returned. It answers with 1 in the first word.
 */
import {
  close,
  futexWait,
  futexWake,
  MAP_FIXED,
  MAP_SHARED,
  mmap,
  O_RDWR,
  open,
  PROT_READ,
  PROT_WRITE,
  pageSize,
  recommendedLibrary,
} from "../../../src/ffi/mod.ts";

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
const words = new Int32Array(memory.buffer);
const address = recommendedLibrary().address(words);
const fd = open(process.argv[2] as string, O_RDWR);
mmap(address, pageSize(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
close(fd);
let result = "";
while (Atomics.load(words, 1) === 0) {
  Atomics.store(words, 0, 1);
  result = futexWait(address + 4, 0);
}
console.log(result, Atomics.load(words, 1));
Atomics.store(words, 0, 2);
futexWake(address, 1);
