/** The source passes a descriptor of its file over a unix socket; the sink has the kernel copy it with copy_file_range(2). */
import { O_RDONLY, O_WRONLY } from "../../../src/ffi/abi/current.ts";
import { lazyBind } from "../../../src/ffi/bind.ts";
import { close, open } from "../../../src/ffi/fd.ts";
import { failedCall } from "../../../src/ffi/system-error.ts";
import { Channel } from "../../../src/mod.ts";
import type { End, Job } from "../job.ts";

const calls = lazyBind({
  copy_file_range: { parameters: ["i32", "pointer", "i32", "pointer", "usize", "u32"], result: "isize" },
});

export async function source({ address, options, source }: Job): Promise<End> {
  const channel = await Channel.sender(address, options);
  return {
    async pass() {
      const file = open(source, O_RDONLY);
      await channel.sendDescriptor(file);
      close(file);
    },
    close: () => channel.close(),
  };
}

export async function sink({ address, options, destination }: Job): Promise<End> {
  const channel = await Channel.receiver(address, options);
  return {
    async pass(bytes) {
      const from = await channel.receiveDescriptor();
      if (from === undefined) throw new Error("The source has closed");
      const to = open(destination, O_WRONLY);
      for (let left = bytes; left > 0; ) {
        const count: number = calls().copy_file_range(from, 0, to, 0, left, 0);
        if (count < 0) throw failedCall("copy_file_range");
        if (count === 0) throw new Error(`The file ended with ${left} bytes left`);
        left -= count;
      }
      close(from);
      close(to);
    },
    close: () => channel.close(),
  };
}
