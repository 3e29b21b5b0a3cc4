// Many small messages: published and taken in batches, which is several times faster than one at a time.
import { Channel } from "millrace";

await using prices = await Channel.sender("ring:example-prices", { capacity: 1 << 20 });
await using feed = await Channel.receiver("ring:example-prices");

function* ticks(count: number) {
  for (let i = 0; i < count; i++) yield new Uint8Array(Float64Array.of(i, 100 + Math.sin(i)).buffer);
}

const sending = prices.sendMany(ticks(100_000)).then(async (count) => {
  await prices.close();
  return count;
});

let [received, highest] = [0, 0];
for await (const batch of feed.batches()) {
  received += batch.length;
  for (const message of batch) {
    const [, price = 0] = new Float64Array(message.buffer, message.byteOffset, 2);
    highest = Math.max(highest, price);
  }
}
console.log(`${await sending} sent, ${received} received, the highest price was ${highest.toFixed(2)}`);

// Output:
// 100000 sent, 100000 received, the highest price was 101.00
