// A pool of threads that take tasks from a queue in shared memory. Two processes submit tasks: the one that has the threads, and another
// one at the same time, which needs no more than the name of the memory. Each gets its own results back. The threads sleep while there is no task, the
// submitters while there is no room, and the threads end when the queue is closed and empty.
//
// The queue is in task-queue.ts, the thread in thread-pool-worker.ts.
//
// Run it: bun examples/textbook/thread-pool.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Channel, SharedMemory } from "millrace";
import { TASKS, TaskQueue } from "./task-queue.ts";

const THREADS = 3;
const TASK_SIZE = 3000;

const [, , role, name = ""] = process.argv;
if (role === "submitter") await beSubmitter();
else await startPool();

async function beSubmitter(): Promise<void> {
  using memory = SharedMemory.open(name);
  await using answer = await Channel.sender("pipe:3", { codec: "json" });
  await answer.send(await countPrimes(new TaskQueue(memory), 1));
}

/** Counts the primes in a range of numbers, which is cut into tasks. */
async function countPrimes(queue: TaskQueue, submitter: number): Promise<number> {
  const first = submitter * TASKS * TASK_SIZE;
  for (let number = 0; number < TASKS; number++) {
    const from = first + number * TASK_SIZE;
    await queue.submit({ submitter, number, from, to: from + TASK_SIZE });
  }
  return sum(await queue.results(submitter));
}

async function startPool(): Promise<void> {
  const sharedName = `/thread-pool-${process.pid}`;
  using memory = SharedMemory.create(sharedName, TaskQueue.bytes);
  const queue = new TaskQueue(memory, true);
  const threads = Array.from({ length: THREADS }, () => startThread(sharedName));
  try {
    const { channel: answer, child: end } = await Channel.pipeForChild("sender", { codec: "json" });
    const child = fork(import.meta.filename, ["submitter", sharedName], {
      stdio: ["ignore", "inherit", "inherit", end.fd, "ipc"],
    });
    const ended = once(child, "exit");
    end.close();
    console.log(`primes below ${TASKS * TASK_SIZE}: ${await countPrimes(queue, 0)}`);
    console.log(`primes from there to ${2 * TASKS * TASK_SIZE}, for the other process: ${await answer.receive()}`);
    assert.deepEqual(await ended, [0, null]);
    await answer.close();
  } finally {
    await queue.close(); // else the threads would wait for ever
  }

  const counts: number[] = [];
  for (const { count, ended } of threads) {
    counts.push(...(await count));
    assert.deepEqual(await ended, [0]);
  }
  assert.equal(sum(counts), 2 * TASKS);
  console.log(`${THREADS} threads did ${sum(counts)} tasks, and have ended`);
  queue.destroy();
  memory.remove();
}

function startThread(sharedName: string) {
  const isBuilt = import.meta.url.endsWith(".js"); // for Node 20
  const url = new URL(isBuilt ? "./thread-pool-worker.js" : "./thread-pool-worker.ts", import.meta.url);
  const thread = new Worker(url, { workerData: { name: sharedName } });
  return { count: once(thread, "message"), ended: once(thread, "exit") };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

// Output:
// primes below 60000: 6057
// primes from there to 120000, for the other process: 5244
// 3 threads did 40 tasks, and have ended
