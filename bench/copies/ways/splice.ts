/** splice(2) from the file into a pipe, which both processes have as descriptor 3, and from the pipe into the file. */
import { O_RDONLY, O_WRONLY, SPLICE_F_MOVE } from "../../../src/ffi/abi/current.ts";
import { setPipeSize } from "../../../src/ffi/fcntl.ts";
import { close, open } from "../../../src/ffi/fd.ts";
import { splice } from "../../../src/ffi/splice.ts";
import type { End, Job } from "../job.ts";

const PIPE = 3;

export async function source({ source, chunkBytes, options }: Job): Promise<End> {
  // as large as a channel over the pipe would have it
  setPipeSize(PIPE, options.capacity ?? chunkBytes);
  return spliceAll(chunkBytes, () => {
    const file = open(source, O_RDONLY);
    return { from: file, to: PIPE, file };
  });
}

export async function sink({ destination, chunkBytes }: Job): Promise<End> {
  return spliceAll(chunkBytes, () => {
    const file = open(destination, O_WRONLY);
    return { from: PIPE, to: file, file };
  });
}

function spliceAll(chunkBytes: number, begin: () => { from: number; to: number; file: number }): End {
  return {
    async pass(bytes) {
      const { from, to, file } = begin();
      for (let left = bytes; left > 0; ) {
        const count = splice(from, to, Math.min(left, chunkBytes), SPLICE_F_MOVE);
        if (count === 0) throw new Error(`The other end has closed with ${left} bytes left`);
        left -= count;
      }
      close(file);
    },
    async close() {},
  };
}
