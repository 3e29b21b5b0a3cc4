import type { Link } from "../link.ts";
import { Pause } from "../pause.ts";
import { Turns, WAIT } from "../turns.ts";

/** Whom a {@link FrameReader} reads for. */
export interface FrameTaker {
  /** Whether the next frame is wanted. While it is not, nothing is read and nothing waits. */
  wants(): boolean;
  /** Called for each frame, whose memory is the taker's from then on. It does not throw. */
  take(frame: Uint8Array): void;
  /** Called once when nothing more comes, with what went wrong, or `undefined` at a clean end. The reader is closed. */
  end(error: unknown): void;
}

/** So many frames may be taken before the event loop turns. */
const FRAMES_PER_TURN = 1024;

const STOPPED = new Error("The wait for frames was stopped");

/**
 * Reads frames from a link for as long as they are wanted, on the event loop or with the thread blocked.
 *
 * Frames are taken inside of the turn that found them, so that a call which blocks the thread serves the others too: only one turn
 * reads at a time, and all of them give every frame to the same taker.
 */
export class FrameReader {
  readonly #link: Link;
  readonly #taker: FrameTaker;
  readonly #turns: Turns;
  readonly #pause = new Pause();
  #frames = 0;
  #running = false;
  #draining = false;
  #open = true;

  constructor(link: Link, taker: FrameTaker) {
    this.#link = link;
    this.#taker = taker;
    this.#turns = new Turns(link, "read");
  }

  /** Reads on the event loop from here on; nothing happens when it does already, or when nothing is wanted. */
  start(): void {
    if (this.#running || !this.#goesOn) return;
    this.#running = true;
    void this.#run();
  }

  /** Ends the wait of {@link start}; it begins again by itself when frames are wanted once this thread is free. */
  stop(): void {
    // a turn that takes frames ends by itself
    if (!this.#draining) this.#turns.failAll(() => STOPPED);
  }

  /** Takes the frames that are there. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      this.#takeAll();
    } finally {
      this.#draining = false;
    }
    if (!this.#open) this.stop();
  }

  #takeAll(): void {
    while (this.#goesOn && this.#frames < FRAMES_PER_TURN) {
      let frame: Uint8Array | undefined | null;
      try {
        frame = this.#link.tryRead();
      } catch (error) {
        this.#end(error);
        return;
      }
      if (frame === undefined) return;
      if (frame === null) {
        this.#end(undefined);
        return;
      }
      this.#frames++;
      this.#taker.take(frame);
    }
  }

  /** Takes frames with the thread blocked until `isDone`, or until nothing more comes. */
  waitSync(call: string, isDone: () => boolean, timeout: number | undefined): void {
    this.stop();
    const attempt = () => {
      this.#frames = 0;
      this.drain();
      return !this.#goesOn || isDone() ? undefined : WAIT;
    };
    this.#turns.waitSync({ call, attempt }, timeout);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#link.close();
    this.stop();
  }

  get #goesOn(): boolean {
    return this.#open && this.#taker.wants();
  }

  async #run(): Promise<void> {
    const turn = {
      call: "reading",
      attempt: () => {
        this.drain();
        return this.#goesOn && this.#frames < FRAMES_PER_TURN ? WAIT : undefined;
      },
    };
    while (this.#goesOn) {
      try {
        await this.#turns.wait(turn);
      } catch (error) {
        if (error !== STOPPED) this.#end(error);
      }
      if (this.#frames < FRAMES_PER_TURN) continue;
      this.#frames = 0;
      await this.#pause.take(undefined);
    }
    this.#running = false;
  }

  #end(error: unknown): void {
    if (!this.#open) return;
    this.close();
    this.#taker.end(error);
  }
}
