/**
 * Three senders, one receiver: the workers' results come together in one stream, which ends when the last of them has closed.
 */
import { Channel } from "millrace";

const address = "funnel:example-results";
await using results = await Channel.receiver(address, { codec: "json" });

/** What each worker would do in a process of its own. */
async function work(worker: string, numbers: readonly number[]): Promise<void> {
  await using sender = await Channel.sender(address, { codec: "json" });
  for (const number of numbers) await sender.send({ worker, number, square: number ** 2 });
}

// held here, so that the stream does not end between two workers
const guard = await Channel.sender(address, { codec: "json" });
const workers = [work("a", [1, 2]), work("b", [3]), work("c", [4, 5, 6])];
void Promise.all(workers).then(() => guard.close());

let sum = 0;
const last = new Map<string, number>();
for await (const value of results) {
  const { worker, number, square } = value as { worker: string; number: number; square: number };
  // the messages of each sender come in the order in which it sent them
  if (number < (last.get(worker) ?? 0)) throw new Error("out of order");
  last.set(worker, number);
  sum += square;
}
console.log("workers:", [...last.keys()].sort().join(" "));
console.log("sum of squares:", sum);
// Output:
// workers: a b c
// sum of squares: 91
