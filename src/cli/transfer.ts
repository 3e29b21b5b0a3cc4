import { IpcError } from "../errors.ts";
import type { Channel } from "../ipc/channel.ts";
import { Figures } from "./figures.ts";
import type { Interruption } from "./interruption.ts";
import { NO_PROGRESS, openProgress, type Progress } from "./progress.ts";
import { ReportedError } from "./reported-error.ts";
import type { TransferOptions } from "./transfer-options.ts";

/** One run of `send` or `recv`, around the loop that moves the bytes. */
export interface Transfer {
  /** For every wait for the other side. */
  readonly wait: { readonly signal: AbortSignal; readonly timeout?: number };
  /** Call it when the channel is open. */
  opened(channel: Channel): Promise<void>;
  /** Call it before the first message and after each step. */
  moved(): void;
}

export interface TransferSetup {
  readonly options: TransferOptions;
  readonly interruption: Interruption;
  /** How much there will be, where that is known. */
  readonly size: number | undefined;
  /** False when the bytes themselves are on the terminal. */
  readonly mayDraw: boolean;
}

/** Runs `move` with progress on a terminal and, with `--json`, prints the figures at its end, whichever that is. */
export async function runTransfer(setup: TransferSetup, move: (transfer: Transfer) => Promise<void>): Promise<void> {
  const { options, interruption } = setup;
  const { signal } = interruption;
  const figures = new Figures(options.address);
  let progress: Progress = NO_PROGRESS;
  let failure: { readonly error: unknown } | undefined;
  try {
    await move({
      wait: options.timeout === undefined ? { signal } : { signal, timeout: options.timeout },
      async opened(channel) {
        figures.watch(channel);
        if (options.progress && setup.mayDraw)
          progress = await openProgress({ title: options.address, size: setup.size });
      },
      moved() {
        figures.begin();
        progress.update(figures.bytes);
      },
    });
  } catch (error) {
    failure = { error: explainTimeout(error, options) };
  }
  progress.update(figures.bytes);
  progress.stop();
  if (options.json) {
    const line = `${JSON.stringify(figures.toObject(failure?.error))}\n`;
    await new Promise((resolve) => process.stderr.write(line, resolve));
  }
  if (failure !== undefined) throw options.json ? new ReportedError(failure.error) : failure.error;
}

/** Says what the user waited for, not which call it was. */
function explainTimeout(error: unknown, { address, timeout }: TransferOptions): unknown {
  if (!(error instanceof IpcError) || error.code !== "IPC_TIMEOUT") return error;
  return new IpcError("IPC_TIMEOUT", `The other side of ${address} did nothing for ${timeout} ms`, { cause: error });
}
