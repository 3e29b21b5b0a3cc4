import { domainError } from "../../error-table.ts";
import { O_NONBLOCK } from "../../ffi/abi/current.ts";
import { setPipeSize } from "../../ffi/fcntl.ts";
import { close, pipe2, read } from "../../ffi/fd.ts";
import { forgetFd, waitForFd } from "../../ffi/off-thread/reactor.ts";
import { RECORD_BYTES } from "../../ffi/signal-code.ts";
import { installSignalPipe, type SignalPipe } from "../../ffi/signal-handler.ts";
import { runtimeListener } from "./runtime-listener.ts";
import { readSignalInfo, type SignalInfo } from "./signal-info.ts";
import { signalName } from "./signal-names.ts";

/** Who gets signals from the hub. */
export interface SignalListener {
  /** One came. */
  deliver(info: SignalInfo): void;
  /** Waiting has failed. */
  fail(error: unknown): void;
}

/**
 * Where the signals of this thread's receivers come together: one pipe, into which the handlers of all their signals write, so that the
 * order among the signals is kept. It is there while there is a receiver.
 * The runtime may have handlers of its own for a signal. They are called after ours; see `runtime-listener.ts`.
 */
export class SignalHub {
  readonly #readEnd: number;
  readonly #writeEnd: number;
  readonly #signals = new Map<number, Source>();
  readonly #records = new DataView(new ArrayBuffer(64 * RECORD_BYTES));
  readonly #foreground: Pump = { background: false, wanted: 0, running: false, stop: undefined };
  readonly #background: Pump = { background: true, wanted: 0, running: false, stop: undefined };

  /** The hub of this thread. */
  static get(): SignalHub {
    hub ??= new SignalHub();
    return hub;
  }

  constructor() {
    try {
      [this.#readEnd, this.#writeEnd] = pipe2(O_NONBLOCK);
    } catch (error) {
      throw domainError("create", error, "Cannot make the pipe for signals");
    }
    // the largest that any user may have; past the user's limit of pages it stays as it is
    try {
      setPipeSize(this.#readEnd, PIPE_BYTES);
    } catch {}
  }

  /** The descriptor that can be read when a signal came. */
  get descriptor(): number {
    return this.#readEnd;
  }

  /** @throws {IpcError} `IPC_UNSUPPORTED` when a handler is not possible; the listener has not joined then */
  join(numbers: readonly number[], listener: SignalListener): void {
    const joined: number[] = [];
    try {
      for (const number of numbers) {
        let source = this.#signals.get(number);
        if (source === undefined) {
          source = openSource(number, this.#writeEnd);
          this.#signals.set(number, source);
        }
        source.listeners.add(listener);
        joined.push(number);
      }
    } catch (error) {
      this.leave(joined, listener);
      throw error;
    }
  }

  leave(numbers: readonly number[], listener: SignalListener): void {
    // what came before goes to those for whom it came
    this.drain();
    for (const number of numbers) {
      const source = this.#signals.get(number);
      if (!source?.listeners.delete(listener) || source.listeners.size > 0) continue;
      this.#signals.delete(number);
      this.#inUse ||= !source.pipe.remove();
    }
    if (this.#signals.size === 0) this.#close();
  }

  #inUse = false;

  #close(): void {
    if (hub === this) hub = undefined;
    forgetFd(this.#readEnd);
    // a handler on another thread might write to another file of that number
    if (!this.#inUse) close(this.#writeEnd);
    if (!this.#inUse) close(this.#readEnd);
  }

  /** How many of these signals were lost since their handlers were installed. */
  lost(numbers: readonly number[]): number {
    return numbers.reduce((sum, number) => sum + (this.#signals.get(number)?.pipe.lost() ?? 0), 0);
  }

  /** Delivers what has come. */
  drain(): void {
    const records = this.#records;
    while (this.#signals.size > 0) {
      // a record is written at once, and reads are of whole records
      const count = read(this.#readEnd, records);
      for (let base = 0; base + RECORD_BYTES <= count; base += RECORD_BYTES) {
        const info = readSignalInfo(records, base);
        for (const listener of [...(this.#signals.get(info.number)?.listeners ?? [])]) listener.deliver(info);
      }
      if (count < records.byteLength) return;
    }
  }

  /**
   * Delivers what comes, from now on until the function that it returns is called.
   *
   * @param background does not keep the process alive
   */
  pump(background: boolean): () => void {
    const pump = background ? this.#background : this.#foreground;
    pump.wanted++;
    if (!pump.running) void this.#run(pump);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      if (--pump.wanted === 0) pump.stop?.abort();
    };
  }

  async #run(pump: Pump): Promise<void> {
    pump.running = true;
    try {
      while (pump.wanted > 0 && this.#signals.size > 0) {
        const stop = new AbortController();
        pump.stop = stop;
        try {
          await waitForFd(this.#readEnd, "read", stop.signal, pump.background);
        } catch (error) {
          if (!stop.signal.aborted) throw error;
        }
        this.drain();
      }
    } catch (error) {
      const listeners = new Set([...this.#signals.values()].flatMap((source) => [...source.listeners]));
      for (const listener of listeners) listener.fail(error);
    } finally {
      pump.running = false;
    }
  }
}

interface Pump {
  readonly background: boolean;
  /** How many want it to run. */
  wanted: number;
  running: boolean;
  stop: AbortController | undefined;
}

/** A signal that is received. */
interface Source {
  readonly pipe: SignalPipe;
  readonly listeners: Set<SignalListener>;
}

let hub: SignalHub | undefined;

/** Room for 8192 signals. */
const PIPE_BYTES = 2 ** 20;

function openSource(number: number, writeEnd: number): Source {
  try {
    return { pipe: installSignalPipe(number, writeEnd, runtimeListener(number)), listeners: new Set() };
  } catch (error) {
    throw domainError("create", error, `Cannot receive ${signalName(number)}`);
  }
}
