import { spinHint } from "./spin-hint.ts";

/** Hints between two looks, at most, where nothing else is said: some 2 us. */
const MOST = 64;
/** Messages that come at most so many hints apart are a stream. */
const HINTS_PER_MESSAGE = 8;
/** Pauses of the longest kind in one wait after which nothing is left of what was learned. */
const LONG_WAIT = 4;
/** How many looks in vain in a row it takes to ask the kernel whether the other side still lives; a system call each. */
const LOOKS_PER_QUESTION = 64;

/**
 * How often one end looks at what the other side does, when it looks in a loop.
 *
 * Every look takes the cache line of the index away from the other side, which has to fetch it back to go on. Who looks as often as it can
 * meets a stream message by message, and each of them costs both sides such a journey; who looks less often finds several at once. So the
 * pauses between looks grow while what comes is a stream, and are short where one message comes at a time, as in calls and replies.
 */
export class Pace {
  readonly #most: number;
  #hints = 1;
  #waited = 0;
  #run = 0;
  #looks = 0;

  /** @param most hints between two looks, at most: 30 ns each */
  constructor(most: number = MOST) {
    this.#most = most;
  }

  /** A look has found something. */
  found(): void {
    this.#looks = 0;
    this.#run++;
  }

  /**
   * A look has found nothing. From the second one in a row on this pauses: the caller looks in a loop.
   *
   * @returns whether it is time to ask whether the other side still lives
   */
  missed(): boolean {
    if (++this.#looks > LOOKS_PER_QUESTION) {
      this.#looks = 0;
      return true;
    }
    if (this.#looks === 1) this.#learn();
    else this.pause();
    return false;
  }

  /** The next look that finds nothing is to ask. */
  askNext(): void {
    this.#looks = LOOKS_PER_QUESTION;
  }

  /** Lets go between two looks. @returns for how many hints */
  pause(): number {
    const hints = this.#hints;
    for (let hint = 0; hint < hints; hint++) spinHint();
    this.#waited += hints;
    if (this.#waited > LONG_WAIT * this.#most) this.#hints = 1;
    return hints;
  }

  /** What was found since the last wait says how long to pause in the next. */
  #learn(): void {
    if (this.#waited > 0) {
      if (this.#run * HINTS_PER_MESSAGE >= this.#waited) this.#hints = Math.min(this.#hints * 2, this.#most);
      else this.#hints = (this.#hints + 1) >> 1;
    }
    this.#waited = 0;
    this.#run = 0;
  }
}
