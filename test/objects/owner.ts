/**
 * `owner.ts HOW NAME` makes an object of each kind, prints a line for each, and ends as it is told. In a worker thread with `worker-…`.
 */
import { writeSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { IPC_PRIVATE, O_CREAT, O_EXCL, O_RDWR } from "../../src/ffi/abi/current.ts";
import { close } from "../../src/ffi/fd.ts";
import { mkfifo } from "../../src/ffi/fifo.ts";
import { msgget } from "../../src/ffi/msg.ts";
import { semClose, semOpen } from "../../src/ffi/posix-sem.ts";
import { shmOpen } from "../../src/ffi/posix-shm.ts";
import { semget } from "../../src/ffi/sem.ts";
import { shmget } from "../../src/ffi/shm.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { objectIdentity } from "../../src/objects/object-identity.ts";
import { type ObjectKind, own } from "../../src/objects/own.ts";
import { removeRecorded } from "../../src/objects/remove-recorded.ts";

const [how, name] = isMainThread ? process.argv.slice(2) : (workerData as string[]);
if (how === undefined || name === undefined) throw new TypeError("Usage: owner.ts HOW NAME");

const releases: (() => void)[] = [];
// what nobody closes stays reachable
export const channels: Channel[] = [];

if (isMainThread && how.startsWith("worker-")) await inWorker(how.slice("worker-".length), name);
else await make(how, name);

async function inWorker(how: string, name: string): Promise<void> {
  // the main thread looks after what a worker leaves when it owns something itself
  if (how === "terminate")
    note("posix-shm", `/${name}-main`, () => close(shmOpen(`/${name}-main`, O_RDWR | O_CREAT | O_EXCL)));
  const worker = new Worker(new URL(import.meta.url), { workerData: [how, name] });
  await new Promise((resolve) => worker.once("message", resolve));
  if (how === "terminate") await worker.terminate();
  else await new Promise((resolve) => worker.once("exit", resolve));
}

async function make(how: string, name: string): Promise<void> {
  const path = `${tmpdir()}/${name}`;
  makeSysv("sysv-shm", () => shmget(IPC_PRIVATE, 4096, 0o600));
  makeSysv("sysv-msg", () => msgget(IPC_PRIVATE, 0o600));
  makeSysv("sysv-sem", () => semget(IPC_PRIVATE, 2, 0o600));
  note("posix-shm", `/${name}`, () => close(shmOpen(`/${name}`, O_RDWR | O_CREAT | O_EXCL)));
  note("posix-sem", `/${name}`, () => semClose(semOpen(`/${name}`, O_CREAT | O_EXCL)));
  note("fifo", path, () => mkfifo(path, 0o600));
  if (how !== "terminate") {
    const side = how === "release" ? "receiver" : "sender"; // a sender that closes leaves the ring to a receiver
    channels.push(await Channel[side](`ring:${name}`), await Channel.receiver(`fifo:${path}-channel`));
    say(`ring ${objectDirectory()}/${name}.ring`);
    say(`fifo ${path}-channel`);
  }
  if (how === "opt-out" || how === "release") for (const release of releases) release();
  if (how === "release") for (const channel of channels) await channel.close();
  say("made");
  parentPort?.postMessage("made");
  end(how);
}

function end(how: string): void {
  if (how === "exit") process.exit(7);
  else if (how === "throw") setTimeout(() => fail("thrown on purpose"), 1);
  else if (how === "reject") setTimeout(() => void Promise.reject(new Error("rejected on purpose")), 1);
  else if (how === "listener" || how === "signal" || how === "terminate") setInterval(() => {}, 1000);
  else if (how === "caught") catchOne();
  if (how === "listener") {
    process.on("SIGTERM", () => {
      say("mine");
      process.exit(9);
    });
    say("listening");
  }
}

/** An error that the program survives: what it owns stays until its own end. */
function catchOne(): void {
  process.on("uncaughtException", () => {
    const gone = objectIdentity("posix-shm", `/${name}`) === undefined;
    say(gone ? "gone too early" : "still there");
    process.exit(0);
  });
  setTimeout(() => fail("thrown on purpose"), 1);
}

function makeSysv(kind: ObjectKind, make: () => number): void {
  const id = `${make()}`;
  note(kind, id, () => {});
}

function note(kind: ObjectKind, found: string, make: () => void): void {
  make();
  const identity = objectIdentity(kind, found) ?? "";
  const ownership = own(kind, found, () => removeRecorded({ kind, name: found, identity }));
  releases.push(() => {
    if (how === "release") removeRecorded({ kind, name: found, identity });
    ownership.release();
  });
  say(`${kind} ${found}`);
}

function fail(message: string): never {
  throw new Error(message);
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}
