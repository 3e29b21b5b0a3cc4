// The four rules of reading and writing a pipe, between a parent and its child (the second shows best at the end):
//
//   1. a read waits while the pipe is empty
//   2. a read gives the end of the file when every write end is closed
//   3. a write waits while the pipe is full
//   4. a write fails (EPIPE, here IPC_CLOSED) when every read end is closed
//
// and what lets several writers share one pipe: a write of up to PIPE_BUF bytes goes in whole.
//
// Run it: bun examples/textbook/pipe-rules.ts
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Channel, type ChildEnd, IpcError } from "millrace";

const CHUNK = new Uint8Array(4096); // PIPE_BUF on Linux
const RECORDS = 200; // of each writer

if (process.argv[2] === "reader") await readAsOrdered();
else if (process.argv[2] === "writer") await writeRecords(Number(process.argv[3]));
else await showTheRules();

async function showTheRules() {
  const orders = await Channel.pipeForChild("receiver", { framing: "lines", codec: "text" });
  const answers = await Channel.pipeForChild("sender", { framing: "lines", codec: "text" });
  const data = await Channel.pipeForChild("receiver", { framing: "raw" });
  const child = start(["reader"], [orders.child, answers.child, data.child]);
  const ended = once(child, "exit");

  assert.equal(answers.channel.tryReceive(), undefined);
  const answer = answers.channel.receive();
  await orders.channel.send("greet");
  console.log(`1. the pipe was empty, and the read waited for "${await answer}"`);

  let bytes = 0;
  while (data.channel.trySend(CHUNK)) bytes += CHUNK.length;
  assert.equal(bytes, data.channel.stats().capacityBytes);
  let isWritten = false;
  const write = data.channel.send(CHUNK).then(() => {
    isWritten = true;
  });
  await orders.channel.send("greet");
  await answers.channel.receive();
  assert.equal(isWritten, false);
  await orders.channel.send(`read ${bytes + CHUNK.length}`);
  await write;
  console.log(`3. the pipe was full with ${bytes} bytes, and the write waited until the child read`);
  assert.equal(await answers.channel.receive(), `has read ${bytes + CHUNK.length}`);

  await orders.channel.send("close");
  assert.equal(await answers.channel.receive(), "has closed");
  const code = await data.channel.send(CHUNK).catch((error) => error instanceof IpcError && error.code);
  console.log(`4. the child closed its read end, and the write failed: ${code}`);

  await orders.channel.close();
  for await (const line of answers.channel) assert.fail(`A line after the last one: ${line}`);
  assert.deepEqual(await ended, [0, null]);
  console.log("2. the child ended, its write end was the last one, and the read gave the end of the file");
  await answers.channel.close();
  await data.channel.close();

  await shareOnePipe();
}

/** Two writers, one pipe. Each record is one write of PIPE_BUF bytes, so no record has bytes of both. */
async function shareOnePipe() {
  const { channel, child: end } = await Channel.pipeForChild("sender", { framing: "raw" });
  const writers = [1, 2].map((mark) => start(["writer", `${mark}`], [end], false));
  const ended = writers.map((writer) => once(writer, "exit"));
  end.close();
  const counts = new Map<number, number>();
  let record: number[] = [];
  for await (const chunk of channel) {
    for (const byte of chunk) {
      record.push(byte);
      if (record.length < CHUNK.length) continue;
      const marks = new Set(record);
      assert.equal(marks.size, 1, "a record has bytes of both writers");
      for (const mark of marks) counts.set(mark, (counts.get(mark) ?? 0) + 1);
      record = [];
    }
  }
  assert.equal(record.length, 0);
  for (const exit of ended) assert.deepEqual(await exit, [0, null]);
  await channel.close();
  console.log(`PIPE_BUF: ${counts.get(1)} records of one writer, ${counts.get(2)} of the other, none of them mixed`);
}

/** Starts this file as a child, which has these ends as its descriptors 3, 4, … */
function start(args: string[], ends: readonly ChildEnd[], closeEnds = true): ChildProcess {
  const stdio = ["ignore", "inherit", "inherit", ...ends.map((end) => end.fd), "ipc"] as const;
  const child = fork(import.meta.filename, args, { stdio: [...stdio] });
  // a copy that stays open here would be one more reader or writer, and the rules 2 and 4 would never come true
  if (closeEnds) for (const end of ends) end.close();
  return child;
}

/** The child: it does what the parent orders, until there are no more orders. */
async function readAsOrdered() {
  await using orders = await Channel.receiver("pipe:3", { framing: "lines", codec: "text" });
  await using answers = await Channel.sender("pipe:4", { framing: "lines", codec: "text" });
  await using data = await Channel.receiver("pipe:5", { framing: "raw" });
  for await (const order of orders) {
    const [verb, count] = order.split(" ");
    if (verb === "greet") await answers.send("hello");
    if (verb === "read") {
      let bytes = 0;
      while (bytes < Number(count)) {
        const chunk = await data.receive();
        if (chunk === undefined) throw new Error(`The data ended after ${bytes} bytes`);
        bytes += chunk.length;
      }
      await answers.send(`has read ${bytes}`);
    }
    if (verb === "close") {
      await data.close();
      await answers.send("has closed");
    }
  }
}

async function writeRecords(mark: number) {
  await using shared = await Channel.sender("pipe:3", { framing: "raw" });
  const record = CHUNK.map(() => mark);
  for (let count = 0; count < RECORDS; count++) await shared.send(record);
}

// Output:
// 1. the pipe was empty, and the read waited for "hello"
// 3. the pipe was full with 65536 bytes, and the write waited until the child read
// 4. the child closed its read end, and the write failed: IPC_CLOSED
// 2. the child ended, its write end was the last one, and the read gave the end of the file
// PIPE_BUF: 200 records of one writer, 200 of the other, none of them mixed
