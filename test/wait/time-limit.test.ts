import { test } from "uvu";
import * as assert from "uvu/assert";
import { TimeLimit } from "../../src/wait/time-limit.ts";
import { deadline } from "../support/deadline.ts";
import { turnEventLoop } from "../support/event-loop.ts";
import { failsWith } from "../support/fails-with.ts";

test(
  "work whose time is over before it is waited for fails unnoticed when it is ended",
  deadline(30_000, async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", listener);
    for (const [options, code] of [
      [{ timeout: 0 }, "IPC_TIMEOUT"],
      [{ signal: AbortSignal.abort() }, "IPC_ABORTED"],
    ] as const) {
      let end = (_reason: Error) => {};
      const work = new Promise<never>((_, reject) => {
        end = reject;
      });
      await failsWith(code, new TimeLimit("A test", options).race(work));
      end(new Error("ended"));
      await turnEventLoop();
    }
    process.off("unhandledRejection", listener);
    assert.equal(unhandled, []);
  }),
);

test(
  "a limit that comes first ends the wait, and not the work",
  deadline(30_000, async () => {
    let finish = (_value: number) => {};
    const work = new Promise<number>((resolve) => {
      finish = resolve;
    });
    await failsWith(
      "IPC_TIMEOUT",
      new TimeLimit("A test", { timeout: 5 }).race(work),
      /A test did not end within 5 ms/,
    );
    finish(7);
    assert.is(await work, 7);
    assert.is(await new TimeLimit("A test", { timeout: 5000 }).race(work), 7);
  }),
);

test.run();
