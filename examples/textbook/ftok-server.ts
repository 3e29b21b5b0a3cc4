// A server and its clients, which meet at a System V shared memory segment. They know no name and no number of it: each makes the key
// with ftok(3), of a file that all know and a letter. The segment has a mutex, so that one client asks at a time, two events ("asked" and
// "answered"), and room for the question or its answer.
//
// The file is one of its own for each run, so that two runs do not meet: ftok makes the key of the file's inode, not of its content.
//
// Run it: bun examples/textbook/ftok-server.ts
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Event, IpcError, Mutex, SysvSharedMemory } from "millrace";

const MUTEX_AT = 0;
const ASKED_AT = MUTEX_AT + Mutex.bytes;
const ANSWERED_AT = ASKED_AT + Event.bytes;
const TEXT_AT = ANSWERED_AT + Event.bytes;
const TEXT_BYTES = 256;

const [, , role, key = "", name = ""] = process.argv;
if (role === "server") await serve();
else if (role === "client") await ask(key, `hello from ${name}`);
else await startAll();

async function serve() {
  using memory = SysvSharedMemory.create(key, TEXT_AT + TEXT_BYTES);
  Mutex.create(memory, MUTEX_AT);
  using asked = Event.create(memory, ASKED_AT, { autoReset: true });
  using answered = Event.create(memory, ANSWERED_AT, { autoReset: true });
  process.send?.("ready");
  for (let question = ""; question !== "end"; ) {
    await asked.wait();
    question = getText(memory);
    putText(memory, question.toUpperCase());
    answered.set();
  }
  memory.remove(); // the client that asked for the end still has it attached; it goes with the last one
  process.disconnect?.();
}

async function ask(ofServer: string, question: string): Promise<void> {
  using memory = SysvSharedMemory.open(ofServer);
  const mutex = Mutex.at(memory, MUTEX_AT);
  using asked = Event.at(memory, ASKED_AT);
  using answered = Event.at(memory, ANSWERED_AT);
  const answer = await mutex.withLock(async ({ ownerDied }) => {
    assert(!ownerDied, "a client died in the middle of its question");
    putText(memory, question);
    asked.set();
    await answered.wait({ timeout: 10_000 });
    return getText(memory);
  });
  assert.equal(answer, question.toUpperCase());
}

function putText(memory: SysvSharedMemory, text: string) {
  const bytes = new TextEncoder().encode(text);
  assert(bytes.length < TEXT_BYTES);
  memory.bytes.fill(0, TEXT_AT);
  memory.bytes.set(bytes, TEXT_AT);
}

function getText(memory: SysvSharedMemory): string {
  return new TextDecoder().decode(memory.read(TEXT_AT, TEXT_BYTES)).replace(/\0+$/, "");
}

async function startAll() {
  const folder = mkdtempSync(join(tmpdir(), "ftok-server-"));
  writeFileSync(join(folder, "server"), "");
  const ofServer = `${join(folder, "server")}#S`; // ftok(PATH, 'S')
  const server = fork(import.meta.filename, ["server", ofServer]);
  const serverEnded = once(server, "exit");
  try {
    const [ready] = await Promise.race([once(server, "message"), serverEnded]);
    assert.equal(ready, "ready", "the server did not start");

    const clients = ["anna", "bert", "carl", "dora"];
    const endings = clients.map((client) => once(fork(import.meta.filename, ["client", ofServer, client]), "exit"));
    for (const ending of endings) assert.deepEqual(await ending, [0, null]);
    console.log(`each got the answer to its own question: ${clients}`);

    await ask(ofServer, "end");
    assert.deepEqual(await serverEnded, [0, null]);
    assert.throws(
      () => SysvSharedMemory.open(ofServer),
      (error) => error instanceof IpcError && error.code === "IPC_NOT_FOUND",
    );
    console.log("the server has ended, and the segment is gone");
  } finally {
    if (server.exitCode === null) server.kill("SIGTERM"); // after a failed check
    rmSync(folder, { recursive: true });
  }
}

// Output:
// each got the answer to its own question: anna,bert,carl,dora
// the server has ended, and the segment is gone
