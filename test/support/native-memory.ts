import { readNative, writeNative } from "../../src/ffi/native-memory.ts";

const word = new DataView(new ArrayBuffer(4));

/** The 32-bit word at a native address. */
export function readWord(address: number): number {
  readNative(word, address, 4);
  return word.getUint32(0, true);
}

/** Sets the 32-bit word at a native address. */
export function writeWord(address: number, value: number): void {
  word.setUint32(0, value, true);
  writeNative(address, word, 4);
}
