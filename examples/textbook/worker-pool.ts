// A pool of workers that are fed over pipes, and that end when there is no more work.
//
// Each worker has two pipes: one for its jobs and one for its results. A worker ends when its pipe of jobs does, and a pipe ends
// when *every* copy of its write end is closed. The classic mistake is that the second worker inherits the parent's write end to
// the first one: the first then never sees its end, and the parent waits for it for ever. Here no child inherits what it is not
// given, which the parent checks twice: by what the workers hold open, and by ending them one at a time.
//
// Run it: bun examples/textbook/worker-pool.ts
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { Channel } from "millrace";

const WORKERS = 3;
const JOBS = 12;
const JOB_SIZE = 5000;

interface Job {
  from: number;
  to: number;
}

interface Worker {
  name: string;
  process: ChildProcess;
  ended: Promise<unknown[]>;
  /** What the kernel calls its two pipes, such as `pipe:[4711]`. */
  pipes: string[];
  jobs: Channel<unknown>;
  results: Channel<unknown>;
}

if (process.argv[2] === "worker") await work();
else await lead();

/** The worker: it counts primes until the parent closes the pipe of jobs. */
async function work() {
  await using jobs = await Channel.receiver("pipe:3", { codec: "json" });
  await using results = await Channel.sender("pipe:4", { codec: "json" });
  for await (const job of jobs) await results.send(countPrimes(job as Job));
}

function countPrimes({ from, to }: Job): number {
  let count = 0;
  for (let candidate = Math.max(from, 2); candidate < to; candidate++) {
    let divisor = 2;
    while (divisor * divisor <= candidate && candidate % divisor !== 0) divisor++;
    if (divisor * divisor > candidate) count++;
  }
  return count;
}

async function lead() {
  const workers: Worker[] = [];
  for (let number = 1; number <= WORKERS; number++) workers.push(await startWorker(`worker ${number}`));

  // each worker takes the next job as soon as it is done with one, so that none is idle while there is work
  const waiting = Array.from({ length: JOBS }, (_, index) => ({ from: index * JOB_SIZE, to: (index + 1) * JOB_SIZE }));
  const counts = await Promise.all(workers.map((worker) => feed(worker, waiting)));
  assert.equal(sum(counts.map(({ jobs }) => jobs)), JOBS);
  console.log(`${JOBS} jobs done, ${sum(counts.map(({ primes }) => primes))} primes below ${JOBS * JOB_SIZE}`);

  for (const worker of workers) {
    const foreign = pipesOf(worker.process).filter((pipe) => isPipeOfAnother(pipe, worker, workers));
    assert.deepEqual(foreign, []);
  }
  console.log("no worker holds a pipe of another one");

  for (const worker of workers) {
    await worker.jobs.close();
    for await (const result of worker.results) assert.fail(`A result without a job: ${result}`);
    assert.deepEqual(await worker.ended, [0, null]);
    await worker.results.close();
    console.log(`${worker.name} saw the end of its jobs and ended, with the others still running`);
  }
}

async function startWorker(name: string): Promise<Worker> {
  const jobs = await Channel.pipeForChild("receiver", { codec: "json" });
  const results = await Channel.pipeForChild("sender", { codec: "json" });
  const ends = [jobs.child.fd, results.child.fd];
  const pipes = ends.map((fd) => readlinkSync(`/proc/self/fd/${fd}`));
  const child = fork(import.meta.filename, ["worker"], { stdio: ["ignore", "inherit", "inherit", ...ends, "ipc"] });
  const ended = once(child, "exit");
  // the parent's copies of the worker's ends: with these open, it would not see that the worker is gone
  jobs.child.close();
  results.child.close();
  return { name, process: child, ended, pipes, jobs: jobs.channel, results: results.channel };
}

async function feed({ jobs, results }: Worker, waiting: Job[]) {
  const done = { jobs: 0, primes: 0 };
  for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
    await jobs.send(job);
    done.primes += Number(await results.receive());
    done.jobs++;
  }
  return done;
}

/** The pipes that a process has open, as Linux tells them. */
function pipesOf({ pid }: ChildProcess): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`);
    } catch {
      return []; // the worker closed it meanwhile
    }
  });
}

function isPipeOfAnother(pipe: string, worker: Worker, workers: readonly Worker[]): boolean {
  return workers.some((other) => other !== worker && other.pipes.includes(pipe));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

// Output:
// 12 jobs done, 6057 primes below 60000
// no worker holds a pipe of another one
// worker 1 saw the end of its jobs and ended, with the others still running
// worker 2 saw the end of its jobs and ended, with the others still running
// worker 3 saw the end of its jobs and ended, with the others still running
