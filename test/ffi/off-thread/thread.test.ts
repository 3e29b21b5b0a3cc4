// runtimes: node20 node26 - only there an environment variable can make a thread fail to start, and flags are handed on to threads
import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { IPC_PRIVATE } from "../../../src/ffi/abi/current.ts";
import { eventfd } from "../../../src/ffi/eventfd.ts";
import { close } from "../../../src/ffi/fd.ts";
import { msgctlRemove, msgget, msgsnd, setMessageType } from "../../../src/ffi/msg.ts";
import { callBlocking } from "../../../src/ffi/off-thread/blocking-call.ts";
import { forgetFd, waitForFd } from "../../../src/ffi/off-thread/reactor.ts";
import { deadline } from "../../support/deadline.ts";
import { failsWith } from "../../support/fails-with.ts";

/** Threads started meanwhile do not find a way to call C. */
async function whileThreadsCrash(action: () => Promise<unknown>): Promise<void> {
  const { MILLRACE_FFI } = process.env;
  process.env.MILLRACE_FFI = "none";
  try {
    await action();
  } finally {
    if (MILLRACE_FFI === undefined) delete process.env.MILLRACE_FFI;
    else process.env.MILLRACE_FFI = MILLRACE_FFI;
  }
}

test(
  "a reactor that crashes rejects all waits, and the next wait starts another",
  deadline(20_000, async () => {
    const fds = [eventfd(1), eventfd(1)];
    await whileThreadsCrash(() =>
      Promise.all(fds.map((fd) => failsWith("IPC_WORKER_CRASHED", waitForFd(fd, "read"), /millrace reactor/))),
    );
    for (const fd of fds) {
      await waitForFd(fd, "read");
      forgetFd(fd);
      close(fd);
    }
  }),
);

test(
  "a thread that crashes rejects its call, and the next call starts another",
  deadline(20_000, async () => {
    const queue = msgget(IPC_PRIVATE, 0o600);
    const message = new DataView(new SharedArrayBuffer(16));
    await whileThreadsCrash(() =>
      failsWith("IPC_WORKER_CRASHED", callBlocking("msgrcv", [queue, message, 8, 0, 0]), /millrace blocking call/),
    );
    setMessageType(message, 1);
    msgsnd(queue, message, 8, 0);
    assert.equal(await callBlocking("msgrcv", [queue, message, 8, 0, 0]), { result: 8, errno: 0 });
    msgctlRemove(queue);
  }),
);

test("flags of the process, such as those of `node -e`, do not reach the thread", () => {
  const extension = import.meta.url.endsWith(".js") ? "js" : "ts";
  const source = (path: string) =>
    JSON.stringify(new URL(`../../../src/ffi/${path}.${extension}`, import.meta.url).href);
  const code = `
    import { eventfd } from ${source("eventfd")};
    import { waitForFd } from ${source("off-thread/reactor")};
    await waitForFd(eventfd(1), "read");
    console.log("ready");`;
  const preloaded = `data:text/javascript,${encodeURIComponent('console.log("preloaded")')}`;
  const flags = ["--expose-gc", "--import", preloaded, "--input-type=module", "--eval", code];
  const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: "utf8", timeout: 20_000 });
  assert.is(stdout, "preloaded\nready\n", stderr);
});

test.run();
