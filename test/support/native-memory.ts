import { lazyBind } from "../../src/ffi/bind.ts";

const reading = lazyBind({ memcpy: { parameters: ["buffer", "pointer", "usize"], result: "pointer" } });
const writing = lazyBind({ memcpy: { parameters: ["pointer", "buffer", "usize"], result: "pointer" } });
const word = new DataView(new ArrayBuffer(4096));

/** The 32-bit word at a native address. */
export function readWord(address: number): number {
  reading().memcpy(word, address, 4);
  return word.getUint32(0, true);
}

/** Sets the 32-bit word at a native address. */
export function writeWord(address: number, value: number): void {
  word.setUint32(0, value, true);
  writing().memcpy(address, word, 4);
}
