import { IpcError } from "../../errors.ts";
import { POLLIN } from "../../ffi/abi/current.ts";
import { pollOne } from "../../ffi/poll.ts";
import { beforeBlocking } from "../../objects/before-blocking.ts";
import {
  abortedError,
  checkSyncOptions,
  checkWaitOptions,
  timeoutError,
  type WaitOptions,
} from "../../wait/wait-options.ts";
import { SignalHub } from "./signal-hub.ts";
import type { SignalInfo } from "./signal-info.ts";
import { signalName } from "./signal-names.ts";

/**
 * Takes signals, one after the other, in the order in which threads of this process took them, from {@link receive}. Each receiver of a signal gets it, and so do
 * the listeners of `process.on`. What has come waits until it is taken.
 *
 * Iterating it waits for one signal after the other, and ends when it is closed.
 */
export class SignalReceiver implements AsyncIterable<SignalInfo>, Disposable {
  readonly #numbers: readonly number[];
  readonly #hub: SignalHub;
  readonly #come: SignalInfo[] = [];
  readonly #waiting = new Set<Waiting>();
  readonly #listener = {
    deliver: (info: SignalInfo) => this.#deliver(info),
    fail: (error: unknown) => this.#fail(error),
  };
  #closed = false;
  #lost = 0;

  /** @param numbers signals that can be received */
  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
    this.#hub = SignalHub.get();
    this.#hub.join(numbers, this.#listener);
  }

  /** The names of its signals. */
  get signals(): string[] {
    return this.#numbers.map(signalName);
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** How many of its signals were dropped because 8192 had come and nobody took them. */
  get lost(): number {
    return this.#closed ? this.#lost : this.#hub.lost(this.#numbers);
  }

  /**
   * Takes the next signal, and waits for it if there is none. The wait uses no CPU, and keeps the process alive.
   *
   * @throws {IpcError} `IPC_TIMEOUT` none came in time
   * @throws {IpcError} `IPC_ABORTED` the `AbortSignal` fired; no signal was taken
   * @throws {IpcError} `IPC_CLOSED` the receiver was closed
   */
  async next(options: WaitOptions = {}): Promise<SignalInfo> {
    checkWaitOptions(options);
    const { signal, timeout = Number.POSITIVE_INFINITY } = options;
    if (signal?.aborted) throw abortedError(this.#what("next()"), signal);
    const info = this.tryNext();
    if (info !== undefined) return info;
    if (timeout === 0) throw timeoutError(this.#what("next()"), timeout);
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(waiting);
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        rest();
      };
      const waiting: Waiting = {
        resolve(info) {
          leave();
          resolve(info);
        },
        reject(error) {
          leave();
          reject(error);
        },
      };
      const onAbort = () => waiting.reject(abortedError(this.#what("next()"), signal as AbortSignal));
      signal?.addEventListener("abort", onAbort, { once: true });
      const timer =
        timeout < LONGEST_TIMER
          ? setTimeout(() => waiting.reject(timeoutError(this.#what("next()"), timeout)), timeout)
          : undefined;
      this.#waiting.add(waiting);
      const rest = this.#hub.pump(false);
    });
  }

  /**
   * As {@link next}, and blocks the thread.
   *
   * @throws {IpcError} `IPC_TIMEOUT` none came in time
   * @throws {IpcError} `IPC_CLOSED` the receiver was closed
   */
  nextSync(options: Pick<WaitOptions, "timeout"> = {}): SignalInfo {
    checkSyncOptions(options);
    const { timeout = Number.POSITIVE_INFINITY } = options;
    const end = performance.now() + timeout;
    for (;;) {
      const info = this.tryNext();
      if (info !== undefined) return info;
      const left = timeout === Number.POSITIVE_INFINITY ? timeout : Math.max(0, end - performance.now());
      if (left > 0) beforeBlocking();
      if (pollOne(this.#hub.descriptor, POLLIN, left) === 0) throw timeoutError(this.#what("nextSync()"), timeout);
    }
  }

  /**
   * Takes the next signal if one has come.
   *
   * @throws {IpcError} `IPC_CLOSED` the receiver was closed
   */
  tryNext(): SignalInfo | undefined {
    if (this.#closed) throw this.#closedError();
    if (this.#come.length === 0) this.#hub.drain();
    return this.#come.shift();
  }

  /** The signals that come, until the receiver is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<SignalInfo, void, void> {
    while (!this.#closed) {
      let info: SignalInfo;
      try {
        info = await this.next();
      } catch (error) {
        if (this.#closed) return;
        throw error;
      }
      yield info;
    }
  }

  /**
   * Ends it: what was not taken is dropped, waits end with `IPC_CLOSED`. After the last receiver of a signal the signal does again what
   * it did before. Idempotent.
   */
  close(): void {
    if (this.#closed) return;
    this.#lost = this.#hub.lost(this.#numbers);
    this.#closed = true;
    for (const waiting of [...this.#waiting]) waiting.reject(this.#closedError());
    this.#hub.leave(this.#numbers, this.#listener);
    this.#come.length = 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #deliver(info: SignalInfo): void {
    const [first] = this.#waiting;
    if (first === undefined) this.#come.push(info);
    else first.resolve(info);
  }

  #fail(error: unknown): void {
    for (const waiting of [...this.#waiting]) waiting.reject(error);
  }

  #closedError(): IpcError {
    return new IpcError("IPC_CLOSED", `The receiver of ${this.signals.join(", ")} is closed`);
  }

  #what(call: string): string {
    return `${call} of ${this.signals.join(", ")}`;
  }
}

interface Waiting {
  resolve(info: SignalInfo): void;
  reject(error: unknown): void;
}

const LONGEST_TIMER = 2 ** 31;
