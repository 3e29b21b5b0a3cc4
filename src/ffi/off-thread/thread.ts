import { isMainThread, Worker } from "node:worker_threads";
import { IpcError } from "../../errors.ts";
import { runtime } from "../../runtime.ts";
import { ALIVE, NEW, STILLBORN, type ThreadData } from "./thread-life.ts";

/** A thread of the library's own that spends its life in blocking calls, and how it is brought to its end. */
export interface ThreadDefinition {
  /** What it is, for error messages and debuggers. */
  readonly name: string;
  /** Its module, a sibling of this file, such as `"./reactor-thread.ts"`, which calls `runThread`. */
  readonly file: string;
  /** What its code gets. */
  readonly data: unknown;
  /** Brings the thread out of whatever blocks it, and to its end. Called once, also in the process's "exit" event. */
  readonly stop: () => void;
  /** Called again and again after `stop`, in the "exit" event, until the thread has ended. */
  readonly press?: () => void;
  /** Called once when the thread ends without having been stopped. */
  readonly crashed: (error: IpcError) => void;
}

/** A thread that was started. */
export interface Thread {
  readonly worker: Worker;
  /** Asks the thread to end, before the process ends, and does not wait for that. */
  readonly stop: () => void;
}

/**
 * Whether the end of this thread waits for the threads it started, even when it ends by `worker.terminate()`, which runs none of its code.
 * That is so in a user's Worker on Node: nobody can wake a thread there that blocks in C, so it has to look up from time to time.
 */
export const ENDS_UNHEARD: boolean = runtime === "node" && !isMainThread;

/** Longest time in milliseconds for which a thread blocks where {@link ENDS_UNHEARD}; so long an end may take at most. */
export const LOOK_UP_AFTER = 500;

/** How long the end of the process waits for a thread, in steps of a millisecond. */
const LONGEST_END = 2000;

/** The threads that are to be stopped, each with what brings it to its end and waits for that. */
const endings = new Map<Thread, () => void>();
let listening = false;

/**
 * Starts a thread, unreferenced: it keeps the process alive only after `worker.ref()`.
 *
 * It is stopped in the "exit" event, where this thread waits until it is out of C for good. Node joins its threads at exit, so it would
 * hang for one that blocks in C, and it ends their JavaScript first, which koffi answers by aborting the process when that hits one
 * of its functions. Deno has no such event after an uncaught error, and needs none: like Bun, it leaves its threads behind.
 *
 * It does not restart a thread that crashed.
 */
export function startThread({ name, file, data, stop, press, crashed }: ThreadDefinition): Thread {
  const life = new Int32Array(new SharedArrayBuffer(4));
  const built = import.meta.url.endsWith(".js");
  const worker = new Worker(new URL(built ? file.replace(/\.ts$/, ".js") : file, import.meta.url), {
    name,
    workerData: { life, data } satisfies ThreadData<unknown>,
    // not the process's flags: --input-type (as of `node --input-type=module -e`) refuses a file, and preloaded modules have no business here
    execArgv: [],
  });
  worker.unref();
  const thread: Thread = {
    worker,
    stop() {
      if (endings.delete(thread)) stop();
    },
  };
  endings.set(thread, () => {
    // pairs with the compareExchange in thread-life.ts
    if (Atomics.compareExchange(life, 0, NEW, STILLBORN) === NEW) return;
    stop();
    for (let tries = 0; Atomics.load(life, 0) === ALIVE && tries < LONGEST_END; tries++) {
      press?.();
      Atomics.wait(life, 0, ALIVE, 1);
    }
  });
  if (!listening) {
    listening = true;
    process.on("exit", endAll);
  }
  const end = (cause?: unknown) => {
    if (!endings.delete(thread)) return;
    crashed(new IpcError("IPC_WORKER_CRASHED", `The thread "${name}" ended by itself`, { cause }));
  };
  worker.on("error", end);
  worker.on("exit", () => end());
  return thread;
}

function endAll(): void {
  for (const [thread, end] of [...endings]) {
    endings.delete(thread);
    end();
  }
}
