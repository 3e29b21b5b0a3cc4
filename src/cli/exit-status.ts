import { IpcError, type IpcErrorCode } from "../errors.ts";
import { OutputClosed } from "./output-closed.ts";
import { ReportedError } from "./reported-error.ts";
import { UsageError } from "./usage-error.ts";

/** The exit statuses of the command. They never change their meaning. */
export const STATUS = {
  ok: 0,
  failure: 1,
  usage: 2,
  peerGone: 3,
  timeout: 4,
  busy: 5,
  /** 128 + SIGPIPE, as the shell reports a program that wrote to a closed pipe */
  outputClosed: 141,
} as const;

/** What `--help` and the manual say about them. */
export const STATUS_MEANINGS: readonly (readonly [status: string, meaning: string])[] = [
  ["0", "everything was moved"],
  ["1", "it failed; the reason is on standard error"],
  ["2", "the command line is wrong; nothing was opened"],
  ["3", "the other side closed or died before the end"],
  ["4", "the time limit was over"],
  ["5", "somebody else holds that end of the channel"],
  ["128+N", "ended by signal N: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP, 141 standard output was closed"],
];

const STATUS_OF_CODE: Partial<Record<IpcErrorCode, number>> = {
  IPC_CLOSED: STATUS.peerGone,
  IPC_PEER_GONE: STATUS.peerGone,
  IPC_TIMEOUT: STATUS.timeout,
  IPC_BUSY: STATUS.busy,
};

/** The exit status for a command that ended with this error. */
export function statusOf(error: unknown): number {
  if (error instanceof ReportedError) return statusOf(error.cause);
  if (error instanceof UsageError) return STATUS.usage;
  if (error instanceof OutputClosed) return STATUS.outputClosed;
  if (error instanceof IpcError) return STATUS_OF_CODE[error.code] ?? STATUS.failure;
  return STATUS.failure;
}
