import type { Channel } from "../ipc/channel.ts";
import type { WaitOptions } from "../wait/wait-options.ts";
import { ADDRESS_NOTE } from "./address-note.ts";
import { defineCommand } from "./define-command.ts";
import { STATUS } from "./exit-status.ts";
import { type Input, openInput } from "./input.ts";
import { LineSplitter } from "./line-splitter.ts";
import { runTransfer, type Transfer } from "./transfer.ts";
import { readTransferOptions, TRANSFER_ARGS, type TransferOptions } from "./transfer-options.ts";

/** `millrace send ADDRESS [FILE]` */
export const sendCommand = defineCommand({
  name: "send",
  description: "Moves standard input, or a file, into a channel",
  args: {
    address: { type: "positional", required: true, description: "Where to, such as ring:frames" },
    file: { type: "positional", required: false, description: "What to send; standard input without it, or for -" },
    ...TRANSFER_ARGS,
  },
  notes: [
    ADDRESS_NOTE,
    {
      heading: "EXAMPLES",
      lines: ["millrace send ring:frames < frames.bin", "tail -f app.log | millrace send --lines fifo:/tmp/log"],
    },
  ],
  async run(args, interruption) {
    const options = readTransferOptions(args);
    const input = await openInput(args.file);
    try {
      const setup = { options, interruption, size: sizeOf(input, options), mayDraw: !input.isTerminal };
      await runTransfer(setup, (transfer) => sendInput(input, options, transfer));
    } finally {
      await input.close();
    }
    return STATUS.ok;
  },
});

async function sendInput(input: Input, options: TransferOptions, transfer: Transfer): Promise<void> {
  const { Channel } = await import("../ipc/channel.ts");
  const { wait } = transfer;
  const channel = await Channel.sender(options.address, { ...options.channel, codec: "bytes", signal: wait.signal });
  try {
    await transfer.opened(channel);
    transfer.moved();
    const send = options.lines ? lineSender(channel, options, wait) : chunkSender(channel, options, wait);
    for await (const chunk of input.chunks(wait.signal)) {
      const more = await send(chunk);
      transfer.moved();
      if (!more) break;
    }
    wait.signal.throwIfAborted();
    await send(undefined);
    await channel.close(wait);
  } catch (error) {
    // not close(): the receiver would take what it has for the whole
    channel.abandon();
    throw error;
  }
}

/** Sends a chunk, or `undefined` for the end of the input; false when enough was sent. */
type Send = (chunk: Uint8Array | undefined) => Promise<boolean>;

/** Chunks as they come, cut where the transport takes less. */
function chunkSender(channel: Channel, { count }: TransferOptions, wait: WaitOptions): Send {
  let left = count;
  return async (chunk = EMPTY) => {
    for (let start = 0; start < chunk.length && left > 0; left--) {
      const end = Math.min(chunk.length, start + channel.maxMessageBytes);
      await channel.send(chunk.subarray(start, end), wait);
      start = end;
    }
    return left > 0;
  };
}

/** The lines of the chunks. A time limit is for each message, so with one they go one by one. */
function lineSender(channel: Channel, { count }: TransferOptions, wait: WaitOptions): Send {
  const splitter = new LineSplitter(channel.maxMessageBytes);
  let left = count;
  function* wanted(lines: Iterable<Uint8Array>) {
    if (left === 0) return;
    for (const line of lines) {
      yield line;
      if (--left === 0) return;
    }
  }
  return async (chunk) => {
    const rest = chunk === undefined ? splitter.rest() : undefined;
    const lines = wanted(chunk !== undefined ? splitter.split(chunk) : rest !== undefined ? [rest] : []);
    if (wait.timeout === undefined) await channel.sendMany(lines, wait);
    else for (const line of lines) await channel.send(line, wait);
    return left > 0;
  };
}

function sizeOf(input: Input, { count }: TransferOptions): number | undefined {
  return Number.isFinite(count) ? undefined : input.size;
}

const EMPTY = new Uint8Array(0);
