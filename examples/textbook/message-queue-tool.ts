// A small tool for System V message queues, which are the kernel's: what one run of it sends, a later one receives, and so can any C
// program that knows msgsnd(2) and msgrcv(2).
//
//   bun examples/textbook/message-queue-tool.ts -s -k 0x4d4c0060 -t 5 the text of a message
//   bun examples/textbook/message-queue-tool.ts -r -k 0x4d4c0060 [-t 5]
//   bun examples/textbook/message-queue-tool.ts -d -k 0x4d4c0060
//
//   -s  sends the rest of the command line (the options may also come behind it), and makes the queue when there is none
//   -r  waits for a message, and prints it
//   -d  removes the queue, with what is in it
//   -t  the type: of what is sent, from 1 (default 1); of what is received (default 0: the first message of any type; a negative number:
//       the lowest type up to its absolute value, as --type=-5)
//   -k  the key: a number, or PATH#ID for the key of ftok(PATH, ID)
//
// Without anything it shows itself, in several processes:
//
// Run it: bun examples/textbook/message-queue-tool.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { IpcError, SysvMessageQueue } from "millrace";

const USAGE = "usage: message-queue-tool -s -k KEY [-t TYPE] TEXT... | -r -k KEY [-t TYPE] | -d -k KEY";

if (process.argv.length > 2) await runTool(process.argv.slice(2));
else await demonstrate();

async function runTool(commandLine: string[]): Promise<void> {
  try {
    const { values, positionals } = parseArgs({
      args: commandLine,
      allowPositionals: true,
      options: {
        send: { type: "boolean", short: "s", default: false },
        receive: { type: "boolean", short: "r", default: false },
        delete: { type: "boolean", short: "d", default: false },
        type: { type: "string", short: "t" },
        key: { type: "string", short: "k" },
      },
    });
    if ([values.send, values.receive, values.delete].filter(Boolean).length !== 1) throw new TypeError(USAGE);
    if (values.send !== positionals.length > 0) throw new TypeError(USAGE);
    const key = parseKey(values.key);
    if (values.send) await send(key, Number(values.type ?? 1), positionals.join(" "));
    else if (values.receive) await receive(key, Number(values.type ?? 0));
    else remove(key);
  } catch (error) {
    // what the user can do something about; anything else is a bug and should be seen as one
    if (!(error instanceof IpcError || error instanceof TypeError || error instanceof RangeError)) throw error;
    console.error(error.message);
    process.exitCode = error instanceof IpcError ? 1 : 2;
  }
}

function parseKey(text = ""): number | string {
  if (text.includes("#")) return text;
  const key = Number(text);
  // 0 is IPC_PRIVATE, which makes a queue that no other run of this tool could find
  if (Number.isNaN(key) || key === 0) throw new TypeError(`-k ${text} is not a key\n${USAGE}`);
  return key;
}

async function send(key: number | string, type: number, text: string): Promise<void> {
  using queue = SysvMessageQueue.openOrCreate(key, { removeOnExit: false });
  await queue.send(type, new TextEncoder().encode(text));
}

async function receive(key: number | string, wanted: number): Promise<void> {
  using queue = SysvMessageQueue.open(key);
  const { type, data } = await queue.receive({ type: wanted });
  console.log(`${type}: ${new TextDecoder().decode(data)}`);
}

function remove(key: number | string): void {
  using queue = SysvMessageQueue.open(key);
  queue.remove();
}

async function demonstrate(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "message-queue-tool-"));
  const key = `${folder}#Q`; // of a file of its own, and so most likely a key of its own
  try {
    assert.equal((await run("-s", "-k", key, "-t", "1", "an order")).status, 0);
    assert.equal((await run("-s", "-k", key, "-t", "3", "a job")).status, 0);
    assert.equal((await run("-s", "-k", key, "-t", "2", "a", "question")).status, 0);
    console.log(`the first of type 2: ${(await run("-r", "-k", key, "-t", "2")).output}`);
    console.log(`the first of all: ${(await run("-r", "-k", key)).output}`);
    console.log(`the first of type 3: ${(await run("-r", "-k", key, "-t", "3")).output}`);

    const waiting = run("-r", "-k", key, "-t", "4");
    assert.equal((await run("-s", "-k", key, "-t", "4", "what was waited for")).status, 0);
    console.log(`one that may have waited: ${(await waiting).output}`);

    assert.equal((await run("-d", "-k", key)).status, 0);
    const gone = await run("-r", "-k", key);
    console.log(`after -d: status ${gone.status}, ${gone.output}`);
    console.log(`a mistake: status ${(await run("-s", "-r", "-k", key)).status}`);
  } finally {
    await run("-d", "-k", key); // after a failed check it is still there
    rmSync(folder, { recursive: true });
  }
}

/** Runs the tool as a process of its own. */
async function run(...args: string[]): Promise<{ status: number; output: string }> {
  const tool = fork(import.meta.filename, args, { silent: true });
  let output = "";
  for (const stream of [tool.stdout, tool.stderr]) {
    stream?.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  const [status] = await once(tool, "close");
  return { status, output: output.trimEnd() };
}

// Output:
// the first of type 2: 2: a question
// the first of all: 1: an order
// the first of type 3: 3: a job
// one that may have waited: 4: what was waited for
// after -d: status 1, Cannot open the message queue ...
// a mistake: status 2
