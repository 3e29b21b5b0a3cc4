import { ADDRESS_NOTE } from "./address-note.ts";
import { defineCommand } from "./define-command.ts";
import { STATUS } from "./exit-status.ts";
import { messageSource } from "./message-source.ts";
import { type Output, openOutput } from "./output.ts";
import { runTransfer, type Transfer } from "./transfer.ts";
import { readTransferOptions, TRANSFER_ARGS, type TransferOptions } from "./transfer-options.ts";

/** `millrace recv ADDRESS` */
export const recvCommand = defineCommand({
  name: "recv",
  description: "Moves what comes out of a channel to standard output, or into a file",
  args: {
    address: { type: "positional", required: true, description: "Where from, such as ring:frames" },
    output: {
      type: "string",
      alias: "o",
      valueHint: "FILE",
      description: "Write to this file; standard output without it, or for -",
    },
    from: {
      type: "string",
      valueHint: "oldest|now",
      description: "broadcast:, file: begin with the oldest message that is there, or with the next one",
    },
    ...TRANSFER_ARGS,
  },
  notes: [
    ADDRESS_NOTE,
    {
      heading: "EXAMPLES",
      lines: ["millrace recv ring:frames > frames.bin", "millrace recv --lines --count 10 --timeout 5s fifo:/tmp/log"],
    },
  ],
  async run(args, interruption) {
    const options = readTransferOptions(args);
    const output = await openOutput(args.output);
    try {
      const setup = { options, interruption, size: undefined, mayDraw: !output.isTerminal };
      await runTransfer(setup, (transfer) => receiveOutput(output, options, transfer));
    } finally {
      await output.close();
    }
    return STATUS.ok;
  },
});

async function receiveOutput(output: Output, options: TransferOptions, transfer: Transfer): Promise<void> {
  const { Channel } = await import("../ipc/channel.ts");
  const { wait } = transfer;
  const channel = await Channel.receiver(options.address, { ...options.channel, codec: "bytes", signal: wait.signal });
  try {
    await output.begin();
    await transfer.opened(channel);
    const next = messageSource(channel, options.lines, wait);
    for (let left = options.count; left > 0; ) {
      const part = await next(left);
      transfer.moved();
      if (part === undefined) break;
      left -= part.messages;
      await output.write(part.bytes);
    }
  } finally {
    await channel.close();
  }
}
