import { formatBytes } from "./format-bytes.ts";

/** Draws how far a transfer has come. */
export interface Progress {
  /** Cheap enough to be called for every chunk. */
  update(bytes: number): void;
  /** Leaves the last state on the terminal, or takes it away. */
  stop(): void;
}

export interface ProgressOptions {
  /** What is drawn before the bar. */
  readonly title: string;
  /** Bytes in all; a counter is drawn where that is not known. */
  readonly size: number | undefined;
  /** Draw bytes per second. */
  readonly rate?: boolean;
  /** Take the bar away at the end. */
  readonly clear?: boolean;
}

/** Milliseconds between two looks at the terminal. */
const INTERVAL = 100;

/** Draws on standard error; draws nothing when that is no terminal. */
export async function openProgress({ title, size, rate = true, clear = false }: ProgressOptions): Promise<Progress> {
  if (process.stderr.isTTY !== true) return NO_PROGRESS;
  const { default: cliProgress } = await import("cli-progress");
  const started = performance.now();
  const known = size !== undefined && size > 0;
  const bar = new cliProgress.SingleBar(
    {
      format: `${title}${known ? " [{bar}] {percentage}%" : ""} {amount}${rate ? " {rate}" : ""}`,
      stream: process.stderr,
      clearOnComplete: clear,
      gracefulExit: false,
      hideCursor: null,
      barsize: 30,
      emptyOnZero: true,
    },
    cliProgress.Presets.legacy,
  );
  const tokens = (bytes: number) => {
    const seconds = (performance.now() - started) / 1000;
    const amount = known ? `${formatBytes(bytes)} of ${formatBytes(size)}` : formatBytes(bytes);
    return { amount, rate: `${formatBytes(seconds > 0 ? bytes / seconds : 0)}/s` };
  };
  let drawn = started;
  let last = 0;
  bar.start(known ? size : 0, 0, tokens(0));
  return {
    update(bytes) {
      last = bytes;
      const now = performance.now();
      if (now - drawn < INTERVAL) return;
      drawn = now;
      bar.update(bytes, tokens(bytes));
    },
    stop() {
      bar.update(last, tokens(last));
      bar.stop();
    },
  };
}

/** For where nothing is to be drawn. */
export const NO_PROGRESS: Progress = { update() {}, stop() {} };
