/**
 * The other process of `ring-hostile.test.ts`: `ring-vandal.ts SEGMENT SEED` writes into the segment of a ring, and of the next one of that
 * name, as fast as it can, and obeys nothing. It never makes the file shorter: who may do that could kill the other process as well.
 */
import { closeSync, openSync, writeSync } from "node:fs";

const [segment = "", seed = "1"] = process.argv.slice(2);
const HEADER_WORDS = [128, 132, 136, 152, 156, 256, 260, 272, 284, 384, 512, 640, 644, 648, 768, 772, 776, 896, 912];
const VALUES = [
  0,
  1,
  2,
  3,
  7,
  8,
  16,
  17,
  1024,
  2040,
  2048,
  4096,
  4112,
  65_536,
  2 ** 28,
  0x7fffffff,
  0x80000000,
  0xfffffff0,
];
let state = Number(seed);
let begun = false;

for (;;) {
  let fd: number;
  try {
    fd = openSync(segment, "r+");
  } catch {
    continue;
  }
  for (let i = 0; i < 100; i++) {
    const inHeader = below(3) > 0;
    // of the first line only now and then, since nobody gets beyond it then
    const at = !inHeader
      ? 4096 + 8 * below(512)
      : below(60) === 0
        ? 4 * below(8)
        : HEADER_WORDS[below(HEADER_WORDS.length)];
    const value = below(2) === 0 ? VALUES[below(VALUES.length)] : below(2 ** 32);
    writeSync(fd, new Uint32Array([value as number]), 0, 4, at as number);
  }
  closeSync(fd);
  if (!begun) console.log("begun");
  begun = true;
}

function below(limit: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}
