import { Channel } from "../../ipc/channel.ts";
import { loadFile } from "./load-file.ts";
import type { Orders } from "./orders.ts";
import type { StartOrder } from "./protocol.ts";
import { START_MESSAGE } from "./start-message.ts";

/** Sends the file through a channel, once for each order. */
export async function runProducer({ address, options, file, chunkBytes }: StartOrder, orders: Orders): Promise<void> {
  const { content, sha256 } = loadFile(file);
  await orders.report({ report: "loaded", bytes: content.length, sha256 });
  await orders.expect("open");
  const channel = await Channel.sender(address, { ...options, codec: "bytes" });
  try {
    await orders.report({ report: "opened" });
    const chunk = Math.min(chunkBytes, channel.maxMessageBytes);
    const sendAll = channel.supports.zeroCopy ? sendInPlace : send;
    while ((await orders.next()).order === "pass") {
      await channel.send(START_MESSAGE);
      await sendAll(channel, content, chunk);
    }
    await channel.close();
  } catch (error) {
    // a close() would leave what was made for a consumer to come
    channel.abandon();
    throw error;
  }
  await orders.report({ report: "ended" });
}

async function send(channel: Channel, content: Uint8Array, chunk: number): Promise<void> {
  for (let start = 0; start < content.length; start += chunk) {
    await channel.send(content.subarray(start, start + chunk));
  }
}

/** Copies the file straight into the memory of the transport. */
async function sendInPlace(channel: Channel, content: Uint8Array, chunk: number): Promise<void> {
  for (let start = 0; start < content.length; start += chunk) {
    const part = content.subarray(start, start + chunk);
    const room = channel.tryClaim(part.length) ?? (await channel.claim(part.length));
    room.set(part);
    channel.commit();
  }
}
