// Both ends as web streams: what is written at one end is compressed, goes through the channel, and comes out as text.
import { Channel } from "millrace";

const { sender, receiver } = await Channel.pipe();

const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
  start(controller) {
    controller.enqueue(new TextEncoder().encode("water under the mill\n".repeat(1000)));
    controller.close();
  },
});
const sending = source.pipeThrough(new CompressionStream("gzip")).pipeTo(sender.writable);

const compressed = receiver.readable as ReadableStream<Uint8Array<ArrayBuffer>>;
const text = await new Response(compressed.pipeThrough(new DecompressionStream("gzip"))).text();
await sending;
console.log(`${text.length} characters: ${text.slice(0, 20)} …`);
console.log(`${receiver.stats().bytes < 1000 ? "fewer than 1000" : "many"} bytes went through the pipe`);

// Output:
// 21000 characters: water under the mill …
// fewer than 1000 bytes went through the pipe
