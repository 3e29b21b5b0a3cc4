import { suite } from "uvu";
import * as assert from "uvu/assert";
import { close, O_NONBLOCK, pipe2, read, write } from "../../src/ffi/mod.ts";
import { BellWaiter } from "../../src/ipc/ring-link/bell-waiter.ts";
import { arena } from "../../src/memory/arena.ts";
import { deadline } from "../support/deadline.ts";
import { isPending } from "../support/event-loop.ts";
import { leakCheck } from "../support/leak-check.ts";
import { startThreads } from "../sync/start-threads.ts";

const test = suite("bell waiter");

/** An end whose other side gives nothing, and a bell to ring. */
class Parked {
  readonly #fds = pipe2(O_NONBLOCK);
  readonly #missed: boolean;
  readonly waiter: BellWaiter;
  looks = 0;
  cancels = 0;

  constructor(missed: boolean, peerPid: number = process.pid) {
    this.#missed = missed;
    const [bell] = this.#fds;
    const empty = () => read(bell, new Uint8Array(16)) !== 0;
    const region = { arena: arena() };
    const presence = { bell, isOpen: true, peerPid, peerState: () => "attached", renewBell() {} };
    this.waiter = new BellWaiter({ ...presence, region, settleBell: empty } as never);
  }

  prepareWait(): boolean {
    return true;
  }

  cancelWait(): boolean {
    this.cancels++;
    return false;
  }

  lookAgain(): boolean {
    this.looks++;
    return this.#missed;
  }

  ring(): void {
    write(this.#fds[1], new Uint8Array(1));
  }

  close(): void {
    this.waiter.close();
    for (const fd of this.#fds) close(fd);
  }
}

/** The same, with another process at the other side, for which it looks before it sleeps. */
class Spinning extends Parked {
  polls = 0;
  found = false;

  constructor() {
    super(false, process.pid + 1);
  }

  poll(): boolean {
    this.polls++;
    return this.found;
  }
}

test(
  "who was missed when it fell asleep finds out by one look",
  deadline(20_000, async () => {
    const end = new Parked(true);
    await end.waiter.park(end, undefined);
    assert.is(end.looks, 1);
    assert.is(end.cancels, 1);
    // and can sleep again
    await end.waiter.park(end, undefined);
    assert.is(end.looks, 2);
    assert.ok(end.waiter.parkSync(end, Number.POSITIVE_INFINITY));
    assert.is(end.looks, 3);
    end.close();
  }),
);

test(
  "who was not sleeps on until the bell rings, after that look as well",
  deadline(20_000, async () => {
    const end = new Parked(false);
    const wait = end.waiter.park(end, undefined);
    while (end.looks === 0) assert.ok(await isPending(wait));
    assert.ok(await isPending(wait));
    end.ring();
    await wait;
    assert.is(end.looks, 1);
    assert.not(end.waiter.parkSync(end, 20));
    assert.is(end.looks, 2);
    assert.not(end.waiter.parkSync(end, 1));
    end.ring();
    assert.ok(end.waiter.parkSync(end, Number.POSITIVE_INFINITY));
    end.close();
  }),
);

test(
  "a wait right behind a look that found nothing does not look again, and the next one does",
  deadline(20_000, async () => {
    const end = new Spinning();
    assert.not(end.waiter.spin(end));
    assert.ok(end.waiter.hasSpun);
    const polls = end.polls;
    assert.ok(polls > 0);
    const wait = end.waiter.park(end, undefined);
    assert.is(end.polls, polls);
    end.ring();
    await wait;
    assert.not(end.waiter.hasSpun);
    const again = end.waiter.park(end, undefined);
    assert.ok(end.polls > polls);
    end.ring();
    await again;
    end.found = true;
    assert.ok(end.waiter.spin(end));
    assert.not(end.waiter.hasSpun);
    end.close();
  }),
);

leakCheck(test, startThreads);
test.run();
