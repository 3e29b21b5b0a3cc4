import type { Runtime } from "../../runtime.ts";
import type { Interruption } from "../interruption.ts";
import { NO_PROGRESS, openProgress } from "../progress.ts";
import { describeError } from "../report-error.ts";
import { ChannelPair } from "./channel-pair.ts";
import { type DemoResult, failed, summarize } from "./demo-result.ts";
import type { Pair, PairSetup } from "./pair.ts";
import type { PassedReport } from "./protocol.ts";
import { StdioPair } from "./stdio-pair.ts";
import { COMPARISON, TRANSPORTS } from "./transports.ts";
import { Workspace } from "./workspace.ts";

/** Each transport moves the file so often, unless that takes long; the median counts. */
const MOST_PASSES = 7;
/** No further pass begins after so many milliseconds. */
const TIME_FOR_PASSES = 3000;

export interface DemoOptions {
  readonly file: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Runs the workers; without it, the runtime of this process. */
  readonly runtime: Runtime | undefined;
  readonly progress: boolean;
}

export interface DemoResults {
  readonly transports: readonly DemoResult[];
  /** What programs use without millrace. */
  readonly comparison: DemoResult;
}

/**
 * Moves the file through each transport. Everything that it makes lies in a folder of its own, and is gone when it returns or
 * throws.
 *
 * @throws the interruption's reason when a signal came
 */
export async function runDemo(options: DemoOptions, interruption: Interruption): Promise<DemoResults> {
  const workspace = new Workspace();
  // named objects go there, of the workers, which inherit it, as of this process
  process.env.MILLRACE_DIR = workspace.path;
  try {
    const transports: DemoResult[] = [];
    for (const transport of TRANSPORTS) {
      const start = (setup: PairSetup) => new ChannelPair(transport, workspace, setup);
      transports.push(await measure(transport.name, start, options, interruption));
    }
    const comparison = await measure(COMPARISON.name, (setup) => new StdioPair(setup), options, interruption);
    return { transports, comparison };
  } finally {
    workspace.close();
  }
}

async function measure(
  name: string,
  start: (setup: PairSetup) => Pair,
  { file, size, runtime, progress: wanted }: DemoOptions,
  { signal }: Interruption,
): Promise<DemoResult> {
  signal.throwIfAborted();
  const drawn = { title: name.padEnd(5), size: size * MOST_PASSES, rate: false, clear: true };
  const progress = wanted ? await openProgress(drawn) : NO_PROGRESS;
  const passes: PassedReport[] = [];
  let pair: Pair | undefined;
  const interrupted = rejectionOf(signal);
  try {
    pair = start({ file, runtime, onProgress: (bytes) => progress.update(passes.length * size + bytes) });
    const moved = moveFile(pair, passes, () => progress.update(passes.length * size));
    return summarize(name, await Promise.race([moved, interrupted.promise]), passes);
  } catch (error) {
    signal.throwIfAborted();
    return failed(name, describeError(error));
  } finally {
    interrupted.forget();
    await pair?.kill();
    progress.stop();
  }
}

async function moveFile(pair: Pair, passes: PassedReport[], onPass: () => void) {
  const loaded = await pair.load();
  await pair.open(loaded.bytes);
  const end = performance.now() + TIME_FOR_PASSES;
  do {
    passes.push(await pair.pass());
    onPass();
  } while (passes.length < MOST_PASSES && performance.now() < end);
  await pair.end();
  return loaded;
}

/** A promise that rejects when the signal fires. */
function rejectionOf(signal: AbortSignal): { readonly promise: Promise<never>; forget(): void } {
  let abort = () => {};
  const promise = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  promise.catch(() => {});
  signal.addEventListener("abort", abort, { once: true });
  return { promise, forget: () => signal.removeEventListener("abort", abort) };
}
