/**
 * `objects-peer.ts USER WHAT...` does something with objects, as `root`, that is as who started it, or as `nobody`:
 *
 *     own NAME                makes an object of each kind, prints `KIND NAME` for each, then `ready`, and stays
 *     gc                      prints `begin`, then what gc gave, as JSON
 *     list KIND               prints what is listed, as JSON
 *     remove KIND NAME [force]  prints `removed`, or the code of the error
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { IPC_PRIVATE, O_CREAT, O_EXCL, O_RDWR } from "../../../src/ffi/abi/current.ts";
import { lazyBind } from "../../../src/ffi/bind.ts";
import { close } from "../../../src/ffi/fd.ts";
import { mkfifo } from "../../../src/ffi/fifo.ts";
import { shmOpen } from "../../../src/ffi/posix-shm.ts";
import { Channel } from "../../../src/ipc/channel.ts";
import { objects } from "../../../src/ipc/listing/objects.ts";
import { PosixMessageQueue } from "../../../src/ipc/posix-message-queue.ts";
import { SysvMessageQueue } from "../../../src/ipc/sysv-message-queue.ts";
import { UnixServer } from "../../../src/ipc/unix-server.ts";
import { SysvSharedMemory } from "../../../src/memory/sysv-shared-memory.ts";
import { objectDirectory } from "../../../src/objects/object-directory.ts";
import { objectIdentity } from "../../../src/objects/object-identity.ts";
import { type ObjectKind, own } from "../../../src/objects/own.ts";
import { removeRecorded } from "../../../src/objects/remove-recorded.ts";
import { Semaphore } from "../../../src/sync/semaphore.ts";
import { SysvSemaphoreArray } from "../../../src/sync/sysv-semaphore-array.ts";

const NOBODY = 65_534;
const calls = lazyBind({
  setgroups: { parameters: ["usize", "pointer"], result: "i32" },
  setresgid: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setresuid: { parameters: ["i32", "i32", "i32"], result: "i32" },
});

const [user = "", what = "", ...args] = process.argv.slice(2);
if (user === "nobody") {
  const { setgroups, setresgid, setresuid } = calls();
  if (setgroups(0, 0) + setresgid(NOBODY, NOBODY, NOBODY) + setresuid(NOBODY, NOBODY, NOBODY) !== 0) {
    throw new Error("Cannot become a user without privilege");
  }
}
/** All queues of a user count against one limit, which nine of the default size reach; and tests run side by side. */
const SMALL = { maxMessages: 1, messageBytes: 64 };
/** What has to stay reachable. */
export const kept: unknown[] = [];

if (what === "own") await makeAll(args[0] as string);
else if (what === "gc") collect();
else if (what === "list") say(JSON.stringify(objects.list({ kinds: [args[0] as ObjectKind] })));
else if (what === "remove") remove(args[0] as ObjectKind, args[1] as string, args[2] === "force");
else throw new TypeError(`There is nothing called ${what}`);

async function makeAll(name: string): Promise<void> {
  const folder = objectDirectory();
  const [segment, queue, array] = [
    SysvSharedMemory.create(IPC_PRIVATE, 4096),
    SysvMessageQueue.create(IPC_PRIVATE),
    SysvSemaphoreArray.create(IPC_PRIVATE, [1]),
  ];
  close(shmOpen(`/${name}`, O_RDWR | O_CREAT | O_EXCL, 0o600));
  const identity = objectIdentity("posix-shm", `/${name}`) ?? "";
  own("posix-shm", `/${name}`, () => removeRecorded({ kind: "posix-shm", name: `/${name}`, identity }));
  mkfifo(`${folder}/${name}.fifo`, 0o600);
  const fifo = objectIdentity("fifo", `${folder}/${name}.fifo`) ?? "";
  own("fifo", `${folder}/${name}.fifo`, () =>
    removeRecorded({ kind: "fifo", name: `${folder}/${name}.fifo`, identity: fifo }),
  );
  kept.push(segment, queue, array, Semaphore.create(`/${name}`, 0), PosixMessageQueue.create(`/${name}`, SMALL));
  kept.push(await UnixServer.listen(`unix:${folder}/${name}.socket`), await Channel.sender(`ring:${name}`));
  say(`sysv-shm ${segment.id}\nsysv-msg ${queue.id}\nsysv-sem ${array.id}`);
  say(`posix-shm /${name}\nposix-sem /${name}\nposix-mq /${name}`);
  say(`fifo ${folder}/${name}.fifo\nunix-socket ${folder}/${name}.socket\nring ${folder}/${name}.ring\nready`);
  setInterval(() => {}, 1000);
}

function collect(): void {
  say("begin");
  say(JSON.stringify(objects.gc()));
}

function remove(kind: ObjectKind, name: string, force: boolean): void {
  try {
    objects.remove({ kind, name }, { force });
    say("removed");
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    say(code ?? message);
  }
}

function say(text: string): void {
  writeSync(1, `${text}\n`);
}
