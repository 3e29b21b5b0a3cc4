import { AF_UNIX, SOCKADDR_UN } from "./abi/current.ts";
import { scratch } from "./scratch.ts";
import { getMember, setMember } from "./struct.ts";

/**
 * Addresses of unix sockets as strings: a path, `"\0"` and an abstract name, or `""` for none. Names are taken as UTF-8.
 */

const PATH_OFFSET: number = SOCKADDR_UN.sun_path.offset;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Writes a `struct sockaddr_un` into the scratch memory.
 *
 * @param base where it begins there
 * @returns its length in bytes; of `""` that of an address that only has a family
 * @throws {RangeError} longer than `sun_path`, with the NUL at the end of a path, or a path that holds a NUL character
 */
export function fillUnixAddress(address: string, base: number): number {
  if (typeof address !== "string") throw new TypeError(`address is ${String(address)}, but must be a string`);
  if (address.indexOf("\0", 1) > 0 && !address.startsWith("\0"))
    throw new RangeError(`${JSON.stringify(address)} holds a NUL character, which no path can`);
  const isPath = address !== "" && !address.startsWith("\0");
  const bytes = encoder.encode(isPath ? `${address}\0` : address);
  const room = SOCKADDR_UN.sun_path.size;
  if (bytes.length > room) {
    throw new RangeError(
      `The address ${JSON.stringify(address)} takes ${bytes.length} bytes, but a unix socket's has room for ${room}`,
    );
  }
  setMember(scratch, SOCKADDR_UN.sun_family, AF_UNIX, base);
  new Uint8Array(scratch.buffer).set(bytes, base + PATH_OFFSET);
  return PATH_OFFSET + bytes.length;
}

/**
 * Reads a `struct sockaddr_un` from the scratch memory.
 *
 * @param base where it begins there
 * @param length what the system says of its length in bytes
 */
export function readUnixAddress(base: number, length: number): string {
  if (length <= PATH_OFFSET || getMember(scratch, SOCKADDR_UN.sun_family, base) !== AF_UNIX) return "";
  // the NUL of a path may lie one byte beyond the struct
  const end = Math.min(length, SOCKADDR_UN.sizeof + 1);
  const bytes = new Uint8Array(scratch.buffer, base + PATH_OFFSET, end - PATH_OFFSET);
  if (bytes[0] === 0) return decoder.decode(bytes);
  const nul = bytes.indexOf(0);
  return decoder.decode(nul < 0 ? bytes : bytes.subarray(0, nul));
}
