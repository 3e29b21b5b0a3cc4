// A thread of the pool of thread-pool.ts: it takes tasks and gives results until the queue is closed, and then says how many it did.
import { parentPort, workerData } from "node:worker_threads";
import { SharedMemory } from "millrace";
import { type Task, TaskQueue } from "./task-queue.ts";

// each thread maps the memory for itself
using memory = SharedMemory.open(workerData.name);
const queue = new TaskQueue(memory);
let count = 0;
for (let task = queue.takeSync(); task !== undefined; task = queue.takeSync()) {
  queue.finishSync(task, countPrimes(task));
  count++;
}
parentPort?.postMessage(count);

function countPrimes({ from, to }: Task): number {
  let primes = 0;
  for (let candidate = Math.max(from, 2); candidate < to; candidate++) {
    let divisor = 2;
    while (divisor * divisor <= candidate && candidate % divisor !== 0) divisor++;
    if (divisor * divisor > candidate) primes++;
  }
  return primes;
}
