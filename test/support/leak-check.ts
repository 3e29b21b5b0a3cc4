import { readdirSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Test } from "uvu";
import * as assert from "uvu/assert";
import { runtime } from "../../src/runtime.ts";
import { loopsOfWorkers } from "./worker-loops.ts";

/**
 * Adds a last test to a suite: every file descriptor that the suite opened is closed again. Call it directly before
 * `test.run()`. Descriptors that a runtime makes for itself (its event loop, its worker threads) do not count.
 *
 * @param warmUp opens once what the process keeps for good, such as the reactor, before the descriptors are counted
 */
export function leakCheck<Context>(test: Test<Context>, warmUp?: () => void | Promise<void>): void {
  let before = new Map<string, string>();
  let loopsBefore = new Set<unknown>();
  test.before(async () => {
    await warmUp?.();
    loopsBefore = await loopsOfWorkers();
    before = openDescriptors();
  });
  test("leaves no file descriptor open", async () => {
    const look = async () => {
      const loops = [...(await loopsOfWorkers())].filter((loop) => !loopsBefore.has(loop));
      return newDescriptors(before, loops.length);
    };
    let left = await look();
    // a runtime closes some descriptors a moment after it says so
    for (let tries = 0; left.length > 0 && tries < 100; tries++) {
      await sleep(20);
      left = await look();
    }
    assert.equal(left, []);
  });
}

/** The open descriptors of this process, each with what it refers to; without the runtime's own. */
export function openDescriptors(): Map<string, string> {
  const open = new Map<string, string>();
  for (const descriptor of readdirSync("/proc/self/fd")) {
    const target = targetOf(descriptor);
    if (target !== undefined && !isRuntimes(target)) open.set(descriptor, target);
  }
  return open;
}

/** What a descriptor refers to, or undefined for the one that listed them, which is closed by now. */
function targetOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}

function isRuntimes(target: string): boolean {
  if (OURS.test(target) || (runtime === "node" && PIDFD.test(target))) return false;
  if (RUNTIME_OWN.test(target)) return true;
  if (runtime === "node") return false;
  // each thread of Deno has duplicates of standard output and standard error, and so has Bun once something is written there
  return (runtime === "deno" && DENO_OWN.test(target)) || ["0", "1", "2"].some((stream) => targetOf(stream) === target);
}

/**
 * What is open now and was not before, but for one pipe with both ends in this process for each event loop.
 *
 * @param loops how many worker threads have made their event loops since
 */
function newDescriptors(before: Map<string, string>, loops: number): string[] {
  const come = [...openDescriptors()].filter(([descriptor, target]) => before.get(descriptor) !== target);
  const isPair = (target: string) =>
    UNNAMED_PIPE.test(target) && come.filter(([, other]) => other === target).length === 2;
  const pairs = [...new Set(come.map(([, target]) => target))].filter(isPair);
  const ofLoops = pairs.slice(0, loops);
  return come
    .filter(([, target]) => !ofLoops.includes(target))
    .map(([descriptor, target]) => `${descriptor} ${target}`);
}

const UNNAMED_PIPE = /^pipe:\[/;
// no runtime has these unasked, and Node has no descriptor of a process
const OURS = /^anon_inode:(\[signalfd\]|inotify)$/;
const PIDFD = /^(anon_inode:\[pidfd\]|pidfd:.*)$/;
// Deno now and then keeps the socket pair that was a child's standard output; sockets of ours are seen on the other runtimes
const DENO_OWN = /^socket:/;
const RUNTIME_OWN = /^anon_inode:|^pidfd:|^\/dev\/u?random$|^\/proc\/|\.(ts|js|mjs|cjs|json|node|so)$|\/deno\//;
