/** A suite that starts threads and leaves open what its arguments name, and looks for leaks at its end. */
import { join } from "node:path";
import { suite } from "uvu";
import { O_CREAT, O_RDWR, SIGUSR1, SOCK_STREAM } from "../../../src/ffi/abi/current.ts";
import { close, open, pipe2 } from "../../../src/ffi/fd.ts";
import { inotifyInit1 } from "../../../src/ffi/inotify.ts";
import { memfdCreate } from "../../../src/ffi/memfd.ts";
import { mqOpen, mqUnlink } from "../../../src/ffi/mq.ts";
import { callBlocking } from "../../../src/ffi/off-thread/blocking-call.ts";
import { waitForFd } from "../../../src/ffi/off-thread/reactor.ts";
import { pidfdOpen } from "../../../src/ffi/pidfd.ts";
import { signalfd } from "../../../src/ffi/signal-wait.ts";
import { socketpair } from "../../../src/ffi/socket.ts";
import { leakCheck } from "../../support/leak-check.ts";

const LEAKS: Record<string, () => void> = {
  pipe: () => pipe2(),
  end: () => close(pipe2()[0]),
  socket: () => socketpair(SOCK_STREAM),
  file: () => open(join(process.env.MILLRACE_DIR as string, "left"), O_RDWR | O_CREAT),
  memory: () => memfdCreate("left"),
  queue: () => {
    const name = `/millrace-left-${process.pid}`;
    mqOpen(name, O_RDWR | O_CREAT);
    mqUnlink(name);
  },
  signals: () => signalfd([SIGUSR1]),
  watch: () => inotifyInit1(),
  process: () => pidfdOpen(process.pid),
};

const test = suite("leaking");
test("leaves open", async () => {
  const [readEnd, writeEnd] = pipe2();
  await waitForFd(writeEnd, "write");
  close(readEnd);
  close(writeEnd);
  const free = new Int32Array(new SharedArrayBuffer(64));
  await Promise.all(Array.from({ length: 4 }, () => callBlocking("awaitUnlocked", [free, 0, 0])));
  for (const name of process.argv.slice(2)) LEAKS[name]?.();
});
leakCheck(test);
test.run();
