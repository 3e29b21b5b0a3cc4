import { O_RDONLY, O_WRONLY } from "../../src/ffi/abi/current.ts";
import { close, open, read, write } from "../../src/ffi/fd.ts";

/** Reads the beginning of a file with read(2), piece by piece into the same memory, as programs do. */
export async function readInPieces(
  path: string,
  bytes: number,
  room: Uint8Array,
  take: (piece: Uint8Array) => Promise<unknown>,
): Promise<void> {
  const file = open(path, O_RDONLY);
  try {
    for (let left = bytes; left > 0; ) {
      const wanted = left < room.length ? room.subarray(0, left) : room;
      const count = readSome(file, wanted, path);
      await take(count < room.length ? room.subarray(0, count) : room);
      left -= count;
    }
  } finally {
    close(file);
  }
}

/** Writes pieces to the beginning of a file with write(2), until it has got so many bytes. */
export async function writeInPieces(
  path: string,
  bytes: number,
  next: (write: (piece: Uint8Array) => void) => Promise<void>,
): Promise<void> {
  const file = open(path, O_WRONLY);
  try {
    let left = bytes;
    const take = (piece: Uint8Array) => {
      if (piece.length > left) throw new Error(`${piece.length} bytes came where ${left} were left`);
      writeAll(file, piece);
      left -= piece.length;
    };
    while (left > 0) await next(take);
  } finally {
    close(file);
  }
}

/** @throws {Error} at the end of the file */
export function readSome(file: number, room: Uint8Array, path: string): number {
  const count = read(file, room);
  if (count <= 0) throw new Error(`${path} is shorter than what is to be moved`);
  return count;
}

export function writeAll(file: number, piece: Uint8Array): void {
  for (let written = 0; written < piece.length; ) {
    written += write(file, written === 0 ? piece : piece.subarray(written));
  }
}
