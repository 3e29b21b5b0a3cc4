import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Test } from "uvu";
import * as assert from "uvu/assert";

/**
 * Adds a last test to a suite: every file descriptor that the suite opened is closed again. Call it directly before
 * `test.run()`. Descriptors that a runtime makes for itself (its event loop, its worker threads) do not count.
 *
 * @param warmUp opens once what the process keeps for good, such as the reactor, before the descriptors are counted
 */
export function leakCheck<Context>(test: Test<Context>, warmUp?: () => void | Promise<void>): void {
  let before = new Map<string, string>();
  test.before(async () => {
    await warmUp?.();
    before = openDescriptors();
  });
  test("leaves no file descriptor open", async () => {
    let left = newDescriptors(before);
    // a runtime closes some descriptors a moment after it says so
    for (let tries = 0; left.length > 0 && tries < 100; tries++) {
      await sleep(20);
      left = newDescriptors(before);
    }
    assert.equal(left, []);
  });
}

/** The open descriptors of this process, each with what it refers to; without the runtime's own. */
export function openDescriptors(): Map<string, string> {
  const open = new Map<string, string>();
  for (const descriptor of readdirSync("/proc/self/fd")) {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      if (!RUNTIME_OWN.test(target) && !("Deno" in globalThis && DENO_OWN.test(target))) open.set(descriptor, target);
    } catch {
      // the descriptor of the listing itself, closed by now
    }
  }
  return open;
}

/**
 * What is open now and was not before. A runtime's thread has an unnamed pipe of its own, and a thread that is kept for further calls may
 * be another one than before: as many unnamed pipes as have gone may have come. On Node the event loop of a worker thread has a pipe with
 * both ends in this process, which may come later than the thread itself: there may be as many more of those as there are worker threads.
 */
function newDescriptors(before: Map<string, string>): string[] {
  const now = openDescriptors();
  const come: (readonly [descriptor: string, target: string])[] = [];
  let gone = 0;
  for (const [descriptor, target] of before) if (UNNAMED_PIPE.test(target) && now.get(descriptor) !== target) gone++;
  for (const [descriptor, target] of now) if (before.get(descriptor) !== target) come.push([descriptor, target]);
  const pairs = come.filter(
    ([, target], index) => UNNAMED_PIPE.test(target) && come.findIndex(([, other]) => other === target) < index,
  );
  const loops = new Set(pairs.slice(0, workerThreads()).map(([, target]) => target));
  const left: string[] = [];
  for (const [descriptor, target] of come) {
    if (loops.has(target)) continue;
    if (!UNNAMED_PIPE.test(target) || gone-- <= 0) left.push(`${descriptor} ${target}`);
  }
  return left;
}

/** Worker threads of this process, by the name that Node gives them since version 24; 0 where they have none. */
function workerThreads(): number {
  let count = 0;
  for (const thread of readdirSync("/proc/self/task")) {
    try {
      if (NODE_WORKER.test(readFileSync(`/proc/self/task/${thread}/comm`, "utf8"))) count++;
    } catch {
      // ended meanwhile
    }
  }
  return count;
}

const NODE_WORKER = /^WorkerThread/;
const UNNAMED_PIPE = /^pipe:\[/;
// Deno now and then keeps the socket pair that was a child's standard output; sockets of ours are seen on the other runtimes
const DENO_OWN = /^socket:/;
const RUNTIME_OWN = /^anon_inode:|^\/dev\/u?random$|^\/proc\/|\.(ts|js|mjs|cjs|json|node|so)$|\/deno\//;
