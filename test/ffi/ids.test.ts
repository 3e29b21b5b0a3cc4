import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { getegid, geteuid, getgid, getpid, getppid, gettid, getuid } from "../../src/ffi/mod.ts";
import { deadline } from "../support/deadline.ts";

test("the ids are those that the runtime knows", () => {
  assert.equal([getpid(), getppid()], [process.pid, process.ppid]);
  assert.equal([getuid(), getgid()], [process.getuid?.(), process.getgid?.()]);
  if (process.geteuid !== undefined && process.getegid !== undefined) {
    assert.equal([geteuid(), getegid()], [process.geteuid(), process.getegid()]);
  }
});

test(
  "the main thread has the process's id, a worker one of its own",
  deadline(30_000, async () => {
    assert.is(gettid(), process.pid);
    const built = import.meta.url.endsWith(".js");
    const worker = new Worker(new URL(built ? "./peers/thread-id.js" : "./peers/thread-id.ts", import.meta.url));
    const [tid, pid] = await new Promise<number[]>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    assert.is(pid, process.pid);
    assert.is.not(tid, process.pid);
    assert.ok((tid ?? 0) > 0);
    await worker.terminate();
  }),
);

test.run();
