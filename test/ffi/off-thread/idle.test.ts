// serial
import { cpuUsage } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EFD_NONBLOCK } from "../../../src/ffi/abi/current.ts";
import { eventfd } from "../../../src/ffi/eventfd.ts";
import { close } from "../../../src/ffi/fd.ts";
import { forgetFd, waitForFd } from "../../../src/ffi/off-thread/reactor.ts";
import { deadline } from "../../support/deadline.ts";

/** CPU time of the process, all threads, over the next two seconds, in milliseconds. */
async function measure(): Promise<number> {
  const before = cpuUsage();
  await sleep(2000);
  const { user, system } = cpuUsage(before);
  return (user + system) / 1000;
}

test(
  "200 pending waits use no CPU",
  deadline(30_000, async () => {
    const fds = Array.from({ length: 200 }, () => eventfd(0, EFD_NONBLOCK));
    const waits = fds.map((fd) => waitForFd(fd, "read"));
    let milliseconds = Number.POSITIVE_INFINITY;
    // an engine may still compile or collect garbage at first; polling would be seen in every round
    for (let round = 0; round < 3 && milliseconds >= 20; round++) milliseconds = await measure();
    assert.ok(milliseconds < 20, `${milliseconds} ms`);
    for (const fd of fds) {
      forgetFd(fd);
      close(fd);
    }
    await Promise.all(waits);
  }),
);

test.run();
