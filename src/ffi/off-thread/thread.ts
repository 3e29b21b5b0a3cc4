import { isMainThread, Worker } from "node:worker_threads";
import { IpcError } from "../../errors.ts";
import { runtime } from "../../runtime.ts";

/** A thread of the library's own that spends its life in blocking calls, and how it is brought to its end. */
export interface ThreadDefinition {
  /** What it is, for error messages and debuggers. */
  readonly name: string;
  /** Its module, a sibling of this file, such as `"./reactor-thread.ts"`. */
  readonly file: string;
  /** What the module finds as `workerData`. */
  readonly data: unknown;
  /** Brings the thread out of whatever blocks it, and to its end. Called in the process's "exit" event: it may block, but must not wait for events. */
  readonly stop: () => void;
  /** Called once when the thread ends without having been stopped. */
  readonly crashed: (error: IpcError) => void;
}

/**
 * Whether the end of this thread waits for the threads it started, even when it ends by `worker.terminate()`, which runs none of its code.
 * That is so in a user's Worker on Node: nobody can wake a thread there that blocks in C, so it has to look up from time to time.
 */
export const ENDS_UNHEARD: boolean = runtime === "node" && !isMainThread;

/** Longest time in milliseconds for which a thread blocks where {@link ENDS_UNHEARD}; so long an end may take at most. */
export const LOOK_UP_AFTER = 500;

const stops = new Set<() => void>();
let listening = false;

/**
 * Starts a thread, unreferenced: it keeps the process alive only after `ref()`.
 *
 * It is stopped in the "exit" event, which every runtime emits at the natural end, at `process.exit()` and after an uncaught error. Node
 * joins its threads at exit and would hang for one that blocks in C.
 *
 * It does not restart a thread that crashed.
 */
export function startThread({ name, file, data, stop, crashed }: ThreadDefinition): Worker {
  const built = import.meta.url.endsWith(".js");
  const worker = new Worker(new URL(built ? file.replace(/\.ts$/, ".js") : file, import.meta.url), {
    name,
    workerData: data,
    // not the process's flags: --input-type (as of `node --input-type=module -e`) refuses a file, and preloaded modules have no business here
    execArgv: [],
  });
  worker.unref();
  stops.add(stop);
  if (!listening) {
    listening = true;
    process.on("exit", stopAll);
  }
  let ended = false;
  const end = (cause?: unknown) => {
    if (ended) return;
    ended = true;
    if (stops.delete(stop))
      crashed(new IpcError("IPC_WORKER_CRASHED", `The thread "${name}" ended by itself`, { cause }));
  };
  worker.on("error", end);
  worker.on("exit", () => end());
  return worker;
}

/** Stops a thread before the process ends. */
export function stopThread(stop: () => void): void {
  if (stops.delete(stop)) stop();
}

function stopAll(): void {
  for (const stop of [...stops]) stopThread(stop);
}
