import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../ffi/abi/current.ts";
import { getPipeSize } from "../ffi/fcntl.ts";
import { close, read } from "../ffi/fd.ts";
import { fionread } from "../ffi/ioctl.ts";
import { forgetFd, waitForFd } from "../ffi/off-thread/reactor.ts";
import { pollOne } from "../ffi/poll.ts";
import { WOULD_BLOCK } from "../ffi/results.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import { FRAME_FORMATS, type FrameReader } from "./framing/frame-format.ts";
import { FrameWriter } from "./framing/frame-writer.ts";
import type { Direction, Link, LinkStats, Peer, Side, Supports, WriteResult } from "./link.ts";
import type { Framing } from "./options.ts";

/** What a byte stream is made of. */
export interface ByteStreamParts {
  /** The address in canonical form. */
  readonly address: string;
  readonly side: Side;
  /** A non-blocking descriptor whose open file is this link's alone. The link closes it. */
  readonly fd: number;
  readonly framing: Framing;
  readonly maxMessageBytes: number;
  /** What does not depend on the framing. */
  readonly supports: Omit<Supports, "messages" | "end" | "peerDeath" | "receiverDeath" | "emptyMessages" | "zeroCopy">;
  /** A read of 0 bytes may also mean that no writer has come yet, as on a FIFO; then only a hang-up is the end. */
  readonly awaitsWriter?: boolean | undefined;
  /** Called once, just before the descriptor is closed. */
  readonly beforeClose?: (() => void) | undefined;
  /** Called once, after it. */
  readonly afterClose?: (() => void) | undefined;
}

/**
 * A link over a non-blocking descriptor that carries bytes in order: a pipe, a FIFO, a stream socket.
 *
 * It does not open anything, does not change flags of the descriptor, and takes SIGPIPE as ignored.
 */
export class ByteStream implements Link {
  readonly address: string;
  readonly side: Side;
  readonly supports: Supports;
  readonly maxMessageBytes: number;
  readonly #parts: ByteStreamParts;
  readonly #fd: number;
  readonly #reader: FrameReader | undefined;
  readonly #writer: FrameWriter | undefined;
  #closed = false;
  /** A read met the end of the file. */
  #fileEnded = false;
  /** Nothing is looked for any more. */
  #ended = false;
  #sawData = false;
  #stalls = 0;

  constructor(parts: ByteStreamParts) {
    const { address, side, fd, framing, maxMessageBytes } = parts;
    const format = FRAME_FORMATS[framing];
    this.address = address;
    this.side = side;
    this.maxMessageBytes = Math.min(maxMessageBytes, format.maxMessageBytes);
    this.supports = {
      ...parts.supports,
      messages: format.messages,
      end: true,
      peerDeath: format.endFrame !== undefined,
      receiverDeath: false,
      emptyMessages: format.messages,
      zeroCopy: false,
    };
    this.#parts = parts;
    this.#fd = fd;
    if (side === "sender") this.#writer = new FrameWriter(address, fd, format);
    else this.#reader = format.reader(address, this.maxMessageBytes);
  }

  tryWrite(message: Uint8Array): WriteResult {
    return this.#sender().write(message);
  }

  flush(): boolean {
    return this.#sender().flush();
  }

  keepRest(): void {
    this.#sender().keepRest();
  }

  /** What was begun is in the stream already. */
  retract(): boolean {
    return false;
  }

  cork(): void {
    this.#writer?.cork();
  }

  uncork(): void {
    this.#writer?.uncork();
  }

  end(): void {
    this.#sender().end();
  }

  tryRead(): Uint8Array | undefined | null {
    if (this.#ended) return null;
    const reader = this.#reader as FrameReader;
    for (;;) {
      const message = this.#next(reader);
      if (message !== undefined) return message;
      if (this.#fileEnded) return reader.finish();
      const room = reader.room();
      const count = this.#read(room);
      if (count > 0) {
        this.#sawData = true;
        reader.filled(count);
      } else if (count === WOULD_BLOCK || !this.#isEndOfFile()) {
        return undefined;
      }
    }
  }

  ready(direction: Direction, signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#stalls++;
    return waitForFd(this.#fd, direction, signal);
  }

  readySync(direction: Direction, timeout: number): boolean {
    if (this.#closed) return true;
    this.#stalls++;
    beforeBlocking();
    return pollOne(this.#fd, direction === "read" ? POLLIN : POLLOUT, timeout) !== 0;
  }

  peer(): Peer {
    return { alive: this.#peerAlive(), pid: undefined };
  }

  stats(): LinkStats {
    return {
      backlogBytes: this.#closed ? undefined : fionread(this.#fd),
      capacityBytes: this.#closed ? undefined : getPipeSize(this.#fd),
      stalls: this.#stalls,
      wakes: 0,
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#writer?.endAtOnce();
    this.abandon();
  }

  abandon(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ended = true;
    try {
      this.#parts.beforeClose?.();
    } finally {
      forgetFd(this.#fd);
      close(this.#fd);
      this.#parts.afterClose?.();
    }
  }

  #sender(): FrameWriter {
    if (this.#closed) throw new IpcError("IPC_CLOSED", `Cannot send on ${this.address}: this end was closed`);
    return this.#writer as FrameWriter;
  }

  /** After `IPC_CORRUPT` no message can be found any more, so that is the end. */
  #next(reader: FrameReader): Uint8Array | undefined {
    try {
      return reader.next();
    } catch (error) {
      this.#ended = (error as IpcError).code === "IPC_CORRUPT";
      throw error;
    }
  }

  #read(room: Uint8Array): number {
    try {
      return read(this.#fd, room);
    } catch (error) {
      throw domainError("receive", error, `Cannot receive on ${this.address}`);
    }
  }

  /** A read gave 0 bytes. False when there is no end: data came meanwhile, or no writer has come yet. */
  #isEndOfFile(): boolean {
    this.#fileEnded = true;
    if (this.#parts.awaitsWriter) {
      const events = pollOne(this.#fd, POLLIN, 0);
      this.#fileEnded = (events & POLLHUP) !== 0 && (events & POLLIN) === 0;
      return events !== 0;
    }
    return true;
  }

  #peerAlive(): boolean | undefined {
    if (this.#closed) return undefined;
    const events = pollOne(this.#fd, 0, 0);
    if (this.side === "sender") return (events & POLLERR) === 0;
    if ((events & POLLHUP) !== 0) return false;
    return this.#parts.awaitsWriter && !this.#sawData ? undefined : true;
  }
}
