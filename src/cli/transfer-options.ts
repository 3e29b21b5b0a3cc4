import type { ArgsDef, ParsedArgs } from "citty";
import { parseAddress, type Scheme } from "../ipc/address.ts";
import { checkOptions } from "../ipc/check-options.ts";
import type { ChannelOptions, Framing } from "../ipc/options.ts";
import { asUsageError } from "./as-usage-error.ts";
import { parseDuration } from "./parse-duration.ts";
import { parseSize } from "./parse-size.ts";
import { parseWholeNumber } from "./parse-whole-number.ts";
import { UsageError } from "./usage-error.ts";

/** The options that `send` and `recv` share. */
export const TRANSFER_ARGS = {
  lines: { type: "boolean", description: "A message is a line" },
  raw: {
    type: "boolean",
    description: "pipe:, fifo: bytes as they come, without frames, for other programs; with --lines, plain lines",
  },
  count: { type: "string", valueHint: "N", description: "End after N messages" },
  timeout: {
    type: "string",
    valueHint: "TIME",
    description: "Longest wait for the other side, each time: 500 (ms), 5s, 2m",
  },
  capacity: { type: "string", valueHint: "SIZE", description: "Room of the ring or pipe: 64k, 1m" },
  type: { type: "string", valueHint: "N", description: "sysv: the type of the messages" },
  fragments: { type: "boolean", description: "sysv:, mq: long messages in pieces; both ends have to ask for it" },
  json: { type: "boolean", description: "Figures as a JSON object on standard error" },
  progress: {
    type: "boolean",
    default: true,
    description: "Show progress on a terminal",
    negativeDescription: "Show none",
  },
  debug: { type: "boolean", description: "Show the stack of an error" },
} as const satisfies ArgsDef;

/** The arguments of `send` and `recv` as they were written. */
type TransferArgs = ParsedArgs<typeof TRANSFER_ARGS> & { address?: string | undefined; from?: string | undefined };

/** What a transfer was asked to do. */
export interface TransferOptions {
  readonly address: string;
  readonly channel: ChannelOptions;
  readonly lines: boolean;
  /** The most messages. */
  readonly count: number;
  /** Milliseconds that the other side may take, each time. */
  readonly timeout: number | undefined;
  readonly json: boolean;
  readonly progress: boolean;
}

/**
 * Reads the options of `send` and `recv`.
 *
 * @throws {UsageError} before anything is opened
 */
export function readTransferOptions({ address, ...args }: TransferArgs): TransferOptions {
  if (address === undefined) throw new UsageError("There is no ADDRESS, such as ring:frames");
  const { scheme, text } = asUsageError(() => parseAddress(address));
  if (scheme === "memory") {
    throw new UsageError(
      `${text} lies inside one process and cannot be reached from another one. Use a ring:, such as ring:frames`,
    );
  }
  const lines = args.lines === true;
  const timeout = args.timeout === undefined ? undefined : parseDuration("--timeout", args.timeout);
  const channel: ChannelOptions = {};
  if (timeout !== undefined) channel.timeout = timeout;
  if (args.capacity !== undefined) channel.capacity = parseSize("--capacity", args.capacity);
  if (args.type !== undefined) channel.type = parseWholeNumber("--type", args.type, 0);
  if (args.fragments === true) channel.fragments = true;
  if (args.from !== undefined) channel.from = args.from as "oldest";
  const framing = framingFor(scheme, args.raw === true, lines);
  if (framing !== undefined) channel.framing = framing;
  asUsageError(() => checkOptions(scheme, channel));
  return {
    address: text,
    channel,
    lines,
    count: args.count === undefined ? Number.POSITIVE_INFINITY : parseWholeNumber("--count", args.count, 1),
    timeout,
    json: args.json === true,
    progress: args.progress && args.json !== true,
  };
}

/** Kinds that keep messages apart by themselves have no framing; there `--raw` asks for nothing. */
function framingFor(scheme: Scheme, raw: boolean, lines: boolean): Framing | undefined {
  if (!raw || (scheme !== "pipe" && scheme !== "fifo")) return undefined;
  return lines ? "lines" : "raw";
}
