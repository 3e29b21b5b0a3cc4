/* Longer than most: half of it is what its users need to know of each call. */

import { domainError } from "../error-table.ts";
import { IpcError } from "../errors.ts";
import { POLLIN, POLLOUT } from "../ffi/abi/current.ts";
import { close, read, write } from "../ffi/fd.ts";
import { forgetFd, waitForFd } from "../ffi/off-thread/reactor.ts";
import { pollOne } from "../ffi/poll.ts";
import { beforeBlocking } from "../objects/before-blocking.ts";
import { TimeLimit } from "../wait/time-limit.ts";
import {
  abortedError,
  checkSyncOptions,
  checkWaitOptions,
  timeoutError,
  type WaitOptions,
} from "../wait/wait-options.ts";
import type { Child, ExitStatus } from "./child.ts";
import { type Signal, signalNumber } from "./signals/signal-names.ts";

/** Limits of a call that blocks the thread. */
type SyncOptions = Pick<WaitOptions, "timeout">;

/**
 * A program that runs, and this process's end of the pipe to or from it, from {@link popen}. Waits use no CPU and keep the process alive;
 * the program itself does not.
 */
export class Popen implements AsyncIterable<Uint8Array<ArrayBuffer>>, AsyncDisposable {
  /** The process id of the program, or of its shell. */
  readonly pid: number;
  /** `"r"` or `"w"`, as it was started. */
  readonly direction: "r" | "w";
  readonly #child: Child;
  readonly #fd: number;
  readonly #name: string;
  #closed = false;
  #ended = false;
  /** The writes, one after the other, and how many of them are not done. */
  #writes: Promise<unknown> = Promise.resolve();
  #writing = 0;

  /** Use {@link popen}. */
  constructor(child: Child, direction: "r" | "w", fd: number, name: string) {
    this.pid = child.pid;
    this.direction = direction;
    this.#child = child;
    this.#fd = fd;
    this.#name = name;
  }

  /** How the program ended; `undefined` before a `close()` has said so. */
  get status(): ExitStatus | undefined {
    return this.#child.status;
  }

  /** A read has met the end of what the program writes. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Reads what the program has written, at least one byte, and waits for it.
   *
   * @returns up to 65536 bytes, or `undefined` when the program, and whoever has its standard output, has closed it
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`; nothing was read
   * @throws {IpcError} `IPC_CLOSED` this end is closed
   * @throws {TypeError} it was started with `"w"`
   */
  async read(options: WaitOptions = {}): Promise<Uint8Array<ArrayBuffer> | undefined> {
    checkWaitOptions(options);
    this.#checkDirection("r", "read()");
    const limit = this.#limit("read()", options);
    for (;;) {
      limit.throwIfAborted();
      const chunk = this.#tryRead("read()");
      if (chunk !== NOT_YET) return chunk;
      await this.#ready("read", "read()", options, limit);
    }
  }

  /**
   * As {@link read}, and blocks the thread.
   *
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_CLOSED`
   */
  readSync(options: SyncOptions = {}): Uint8Array<ArrayBuffer> | undefined {
    checkSyncOptions(options);
    this.#checkDirection("r", "readSync()");
    for (;;) {
      const chunk = this.#tryRead("readSync()");
      if (chunk !== NOT_YET) return chunk;
      this.#readySync(POLLIN, "readSync()", options.timeout);
    }
  }

  /**
   * As {@link read}, and never waits.
   *
   * @returns `undefined` when there is nothing now, and at the end: see `ended`
   * @throws {IpcError} `IPC_CLOSED`
   */
  tryRead(): Uint8Array<ArrayBuffer> | undefined {
    this.#checkDirection("r", "tryRead()");
    const chunk = this.#tryRead("tryRead()");
    return chunk === NOT_YET ? undefined : chunk;
  }

  /** All that the program writes from now on, as text in UTF-8. */
  async text(options: WaitOptions = {}): Promise<string> {
    checkWaitOptions(options);
    const limit = this.#limit("text()", options);
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      let chunk: Uint8Array | undefined;
      try {
        chunk = await this.read(limit.left());
      } catch (error) {
        throw limit.explain(error);
      }
      if (chunk === undefined) return text + decoder.decode();
      text += decoder.decode(chunk, { stream: true });
    }
  }

  /** The lines that the program writes, in UTF-8, without their line feeds. */
  async *lines(): AsyncGenerator<string, void, void> {
    const decoder = new TextDecoder();
    let parts: string[] = [];
    for await (const chunk of this) {
      const [first = "", ...others] = decoder.decode(chunk, { stream: true }).split("\n");
      parts.push(first);
      for (const next of others) {
        yield parts.join("");
        parts = [next];
      }
    }
    const last = parts.join("") + decoder.decode();
    if (last !== "") yield last;
  }

  /** What the program writes, piece by piece; ends when this end is closed, too. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    while (!this.#closed) {
      let chunk: Uint8Array<ArrayBuffer> | undefined;
      try {
        chunk = await this.read();
      } catch (error) {
        if (this.#closed) return;
        throw error;
      }
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  /** A web stream of what the program writes; it reads nothing ahead. Cancelling it closes this end, not the program. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#checkDirection("r", "readable");
    const pieces = this[Symbol.asyncIterator]();
    return new ReadableStream(
      {
        async pull(controller) {
          const { value } = await pieces.next();
          if (value === undefined) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => this.#closeEnd(),
      },
      { highWaterMark: 0 },
    );
  }

  /**
   * Writes to the program, and waits until the pipe has taken it all. Writes that are made at the same time go one after the other.
   *
   * @param data bytes, which must not change meanwhile, or text, which goes as UTF-8
   * @throws {IpcError} `IPC_CLOSED` the program has closed its standard input or ended, or this end is closed
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`; a part may have been written
   * @throws {TypeError} it was started with `"r"`
   */
  async write(data: string | ArrayBufferView, options: WaitOptions = {}): Promise<void> {
    checkWaitOptions(options);
    this.#checkDirection("w", "write()");
    const bytes = bytesOf(data);
    const limit = this.#limit("write()", options);
    limit.throwIfAborted();
    const before = this.#writes;
    this.#writing++;
    const done = this.#writeAll(before, bytes, options, limit).finally(() => this.#writing--);
    this.#writes = done.catch(() => {});
    return done;
  }

  /**
   * As {@link write}, and blocks the thread.
   *
   * @throws {IpcError} `IPC_CLOSED`, `IPC_TIMEOUT`
   * @throws {TypeError} a `write()` is not done yet, which this would cut in two
   */
  writeSync(data: string | ArrayBufferView, options: SyncOptions = {}): void {
    checkSyncOptions(options);
    this.#checkDirection("w", "writeSync()");
    if (this.#writing > 0) {
      throw new TypeError(
        `${this.#what("writeSync()")} would cut a write() in two, which is not done. Await that first`,
      );
    }
    const { timeout = Number.POSITIVE_INFINITY } = options;
    const end = performance.now() + timeout;
    let rest = bytesOf(data);
    while (rest.byteLength > 0) {
      const count = this.#tryWrite(rest, "writeSync()");
      rest = rest.subarray(count);
      if (count === 0) this.#readySync(POLLOUT, "writeSync()", Math.max(0, end - performance.now()), timeout);
    }
  }

  /**
   * Writes what the pipe has room for now, and never waits.
   *
   * @param data as of {@link write}
   * @returns how many bytes of it were written; 0 also while a `write()` is not done
   * @throws {IpcError} `IPC_CLOSED` as {@link write}
   */
  tryWrite(data: string | ArrayBufferView): number {
    this.#checkDirection("w", "tryWrite()");
    const bytes = bytesOf(data);
    return this.#writing > 0 ? 0 : this.#tryWrite(bytes, "tryWrite()");
  }

  /** A web stream to the program. Closing it is {@link end}; aborting it closes this end at once. */
  get writable(): WritableStream<string | ArrayBufferView> {
    this.#checkDirection("w", "writable");
    return new WritableStream<string | ArrayBufferView>({
      write: (data) => this.write(data),
      close: () => this.end(),
      abort: () => this.#closeEnd(),
    });
  }

  /** Closes this end of the pipe when what is being written has been written: the program sees the end of its input. Idempotent. */
  async end(): Promise<void> {
    await this.#writes;
    this.#closeEnd();
  }

  /**
   * Sends the program a signal. It never reaches another process that has the same id later.
   *
   * @returns `false` when the program has ended and was waited for
   * @throws {RangeError} no such signal
   * @throws {IpcError} `IPC_PERMISSION` the program has another user now
   */
  kill(signal: Signal = "SIGTERM"): boolean {
    return this.#child.kill(signalNumber(signal));
  }

  /**
   * Closes this end of the pipe, as {@link end}, and waits for the end of the program, as `pclose(3)`. A program that still writes
   * gets `SIGPIPE`. Call it again after a time-out: the program goes on.
   *
   * @returns `{ kind: "exited", code }`, or `{ kind: "killed", signal, coreDumped }`, at every call the same
   * @throws {IpcError} `IPC_TIMEOUT`, `IPC_ABORTED`
   * @throws {SystemError} `ECHILD` somebody else in this process waited for the program, or `SIGCHLD` is ignored
   */
  async close(options: WaitOptions = {}): Promise<ExitStatus> {
    checkWaitOptions(options);
    const limit = this.#limit("close()", options);
    if (!this.#closed) {
      try {
        await limit.race(this.#writes);
      } finally {
        this.#closeEnd();
      }
    }
    try {
      return await this.#child.wait(this.#what("close()"), limit.left() ?? {});
    } catch (error) {
      throw limit.explain(error);
    }
  }

  /**
   * As {@link close}, and blocks the thread. Writes that are not done end with `IPC_CLOSED`.
   *
   * @throws {IpcError} `IPC_TIMEOUT`
   * @throws {SystemError} `ECHILD` as {@link close}
   */
  closeSync(options: SyncOptions = {}): ExitStatus {
    checkSyncOptions(options);
    this.#closeEnd();
    return this.#child.waitSync(this.#what("closeSync()"), options.timeout ?? Number.POSITIVE_INFINITY);
  }

  /**
   * As {@link closeSync}, and never waits.
   *
   * @returns `undefined` while the program runs
   * @throws {SystemError} `ECHILD` as {@link close}
   */
  tryClose(): ExitStatus | undefined {
    this.#closeEnd();
    return this.#child.tryWait();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #closeEnd(): void {
    if (this.#closed) return;
    this.#closed = true;
    forgetFd(this.#fd);
    close(this.#fd);
  }

  #tryRead(call: string): Uint8Array<ArrayBuffer> | undefined | typeof NOT_YET {
    if (this.#closed) throw this.#closedError(call);
    chunk ??= new Uint8Array(new ArrayBuffer(CHUNK_BYTES));
    const count = read(this.#fd, chunk);
    if (count < 0) return NOT_YET;
    if (count === 0) this.#ended = true;
    return count === 0 ? undefined : chunk.slice(0, count);
  }

  async #writeAll(before: Promise<unknown>, bytes: Uint8Array, options: WaitOptions, limit: TimeLimit): Promise<void> {
    // a write whose time is over before its turn has written nothing
    await limit.race(before);
    let rest = bytes;
    while (rest.byteLength > 0) {
      limit.throwIfAborted();
      const count = this.#tryWrite(rest, "write()");
      rest = rest.subarray(count);
      if (count === 0) await this.#ready("write", "write()", options, limit);
    }
  }

  #tryWrite(bytes: Uint8Array, call: string): number {
    if (this.#closed) throw this.#closedError(call);
    try {
      return Math.max(0, write(this.#fd, bytes));
    } catch (error) {
      throw domainError("send", error, `${this.#what(call)} failed: the program no longer reads its input`);
    }
  }

  async #ready(direction: "read" | "write", call: string, options: WaitOptions, limit: TimeLimit): Promise<void> {
    const { timeout, signal } = limit.left() ?? {};
    if (timeout === undefined && signal === undefined) return waitForFd(this.#fd, direction);
    if (timeout === 0) throw timeoutError(this.#what(call), options.timeout ?? 0);
    const stop = new AbortController();
    const onAbort = () => stop.abort();
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer = timeout !== undefined && timeout < LONGEST_TIMER ? setTimeout(onAbort, timeout) : undefined;
    try {
      await waitForFd(this.#fd, direction, stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
      if (signal?.aborted) throw abortedError(this.#what(call), signal);
      throw timeoutError(this.#what(call), options.timeout ?? 0);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #readySync(events: number, call: string, left = Number.POSITIVE_INFINITY, timeout = left): void {
    if (left > 0) beforeBlocking();
    if (pollOne(this.#fd, events, left) === 0) throw timeoutError(this.#what(call), timeout);
  }

  #limit(call: string, options: WaitOptions): TimeLimit {
    return new TimeLimit(this.#what(call), options);
  }

  #checkDirection(direction: "r" | "w", call: string): void {
    if (this.direction === direction) return;
    throw new TypeError(
      `${call} needs a program started with "${direction}", but it was started with "${this.direction}"`,
    );
  }

  #closedError(call: string): IpcError {
    return new IpcError("IPC_CLOSED", `${this.#what(call)} failed: this end of its pipe is closed`);
  }

  #what(call: string): string {
    return `${call} of ${this.#name} (process ${this.pid})`;
  }
}

const NOT_YET = -1;
const LONGEST_TIMER = 2 ** 31;
const CHUNK_BYTES = 65_536;

/** For reads, each of which takes its bytes out at once. */
let chunk: Uint8Array<ArrayBuffer> | undefined;

function bytesOf(data: string | ArrayBufferView): Uint8Array {
  if (typeof data === "string") return new TextEncoder().encode(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError(`The data is ${String(data)}, but must be a string, a typed array or a DataView`);
}
