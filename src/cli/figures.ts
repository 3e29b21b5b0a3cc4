import { IpcError } from "../errors.ts";
import type { Channel } from "../ipc/channel.ts";
import { gbPerSecond } from "./gb-per-second.ts";
import { describeError } from "./report-error.ts";

/** What `--json` prints. */
export interface FiguresObject {
  readonly address: string;
  readonly messages: number;
  readonly bytes: number;
  /** From the first message to the end. */
  readonly seconds: number;
  readonly gbPerSecond: number;
  /** Only when it failed. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** Measures a transfer. */
export class Figures {
  readonly address: string;
  #channel: Channel | undefined;
  #started: number | undefined;

  constructor(address: string) {
    this.address = address;
  }

  /** Counts what goes through this channel. */
  watch(channel: Channel): void {
    this.#channel = channel;
  }

  /** The first message: the wait for the other side does not count. */
  begin(): void {
    this.#started ??= performance.now();
  }

  get bytes(): number {
    return this.#channel?.stats().bytes ?? 0;
  }

  /** @param error what ended the transfer, if something did */
  toObject(error?: unknown): FiguresObject {
    const { messages = 0, bytes = 0 } = this.#channel?.stats() ?? {};
    const seconds = this.#started === undefined ? 0 : (performance.now() - this.#started) / 1000;
    const figures = { address: this.address, messages, bytes, seconds, gbPerSecond: gbPerSecond(bytes, seconds) };
    return error === undefined
      ? figures
      : { ...figures, error: { code: codeOf(error), message: describeError(error) } };
  }
}

function codeOf(error: unknown): string {
  if (error instanceof IpcError) return error.code;
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : "ERROR";
}
