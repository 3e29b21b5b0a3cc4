/** Any channel, 64 KiB of rows a message. */
import { Channel } from "../../../src/mod.ts";
import type { RowOutput } from "../link.ts";
import { BLOCK_BYTES, gatheredOutput } from "./row-block.ts";

export async function output(address: string): Promise<RowOutput> {
  const channel = await Channel.sender(address);
  const words = new Int32Array(BLOCK_BYTES / 4);
  return gatheredOutput(channel, words, (filled) => channel.send(words.subarray(0, filled)));
}

export async function* input(address: string): AsyncIterable<Int32Array> {
  await using channel = await Channel.receiver(address);
  for await (const message of channel) yield new Int32Array(message.buffer, message.byteOffset, message.length / 4);
}
