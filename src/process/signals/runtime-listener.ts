import { constants } from "node:os";
import process from "node:process";
import { setTimeout } from "node:timers";
import { isMainThread } from "node:worker_threads";
import type { RuntimeListener } from "../../ffi/signal-handler.ts";
import { runtime } from "../../runtime.ts";
import { signalName } from "./signal-names.ts";

/**
 * A listener that does nothing, for the time of our handler. On Bun and Node it is there always: so the runtime neither replaces our handler
 * when the program's first `process.on` for that signal comes later, nor resets the signal when the last listener goes.
 *
 * Deno's handler calls ours when it comes later, and never goes. A thread of Deno's does later what the signal does by default, if there is
 * no listener by then. So there the listener comes only with Deno's handler, and stays for a while after ours has gone, for the signals
 * that are still on their way to that thread.
 *
 * @param number a signal
 */
export function runtimeListener(number: number): RuntimeListener {
  const name = signalName(number);
  // a worker gets no events of signals
  if (!isMainThread || !(name in constants.signals)) return { add: () => false, isLast: () => false, remove() {} };
  return runtime === "deno" ? denoListener(name) : ordinaryListener(name);
}

function ordinaryListener(name: string): RuntimeListener {
  const nothing = () => {};
  return {
    add() {
      const had = process.listenerCount(name) > 0;
      try {
        process.on(name, nothing);
      } catch {
        // not a signal that the runtime handles
      }
      return had;
    },
    isLast: () => process.listenerCount(name) === 1,
    remove: () => void process.off(name, nothing),
  };
}

function denoListener(name: string): RuntimeListener {
  let held = false;
  const onNew = (event: string | symbol) => {
    if (event !== name || held) return;
    held = true;
    hold(name);
  };
  return {
    add(hasHandler) {
      if (hasHandler) onNew(name);
      process.on("newListener", onNew);
      return false;
    },
    isLast: () => false,
    remove() {
      process.off("newListener", onNew);
      if (held) letGo(name);
    },
  };
}

interface Hold {
  readonly nothing: () => void;
  timer: NodeJS.Timeout | undefined;
}

const holds = new Map<string, Hold>();

/** Far more than a thread takes that has nothing else to do. */
const ON_THE_WAY_MS = 1000;

function hold(name: string): void {
  const held = holds.get(name);
  if (held !== undefined) {
    clearTimeout(held.timer);
    held.timer = undefined;
    return;
  }
  const nothing = () => {};
  holds.set(name, { nothing, timer: undefined });
  try {
    process.on(name, nothing);
  } catch {
    // not a signal that the runtime handles
  }
}

function letGo(name: string): void {
  const held = holds.get(name);
  if (held === undefined) return;
  // also where the program listens, since it may stop to at once
  held.timer = setTimeout(() => {
    holds.delete(name);
    process.off(name, held.nothing);
  }, ON_THE_WAY_MS).unref();
}
