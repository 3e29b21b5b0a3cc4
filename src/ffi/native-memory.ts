import { lazyBind } from "./bind.ts";

const reading = lazyBind({ memcpy: { parameters: ["buffer", "pointer", "usize"], result: "void" } });
const writing = lazyBind({ memcpy: { parameters: ["pointer", "buffer", "usize"], result: "void" } });

/**
 * Copies memory that is the C library's or was mapped outside of the arena, by memcpy(3). Up to 8 bytes at an address that is a multiple of
 * their number are copied in one access, so no thread sees half of them.
 *
 * @param target gets the bytes
 * @param address native address
 * @param bytes how many
 */
export function readNative(target: ArrayBufferView, address: number, bytes: number): void {
  reading().memcpy(target, address, bytes);
}

/** The other way, see {@link readNative}. */
export function writeNative(address: number, source: ArrayBufferView, bytes: number): void {
  writing().memcpy(address, source, bytes);
}
