import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { HEAD_OFFSET, TAIL_OFFSET } from "../../src/ring/layout.ts";
import { journalCount, journalEntries } from "./journal.ts";
import { contentHash, SoakMessages } from "./soak-messages.ts";
import { type ConsumerTask, type ProducerTask, SOAK_BATCH } from "./soak-task.ts";

/** What the checks of a soak add up to. */
export interface SoakCounts {
  /** Whole messages that producers had published, by the head that they left. */
  published: number;
  /** Messages that consumers wrote down, each once. */
  received: number;
  /** Messages that came a second time, after a consumer that had not released them. */
  repeated: number;
  /** Messages that a consumer had received, and released, when it was killed before it could write them down. */
  taken: number;
  /** Messages in parts, of which a killed consumer had released some. */
  cut: number;
  /** Messages in parts, of which a killed producer had published some; they never arrive. */
  unfinished: number;
  /** Published messages that nobody got. */
  lost: number;
  /** Messages that came with other bytes, in another order, or again although they were released. */
  changed: number;
}

/** One time that an end was taken: the index of its side before the first and after the last thing that it did. */
interface Session<Task> {
  readonly task: Task;
  readonly from: number;
  to: number;
  /** Ended with all that it had to do done. */
  clean: boolean;
}

/** A message as it lies in the ring: its place, counted in bytes from the ring's beginning. */
interface Published {
  readonly from: number;
  readonly to: number;
  readonly whole: boolean;
  readonly parts: number;
  readonly index: number;
  readonly messages: SoakMessages;
}

/**
 * One segment, from its creation to its removal, and who held its ends. The kernel keeps it for this object's open descriptor, so the
 * indices that a killed process left can be read when it is gone.
 *
 * The head that a producer left tells exactly what it had published: the messages and their sizes are known, and so are their records.
 * The tail that a consumer left tells exactly what it had released. What was published must have been written down by the consumer that
 * released it, in order; that is checked here, when nobody comes any more.
 */
export class Incarnation {
  readonly inode: number;
  readonly problems: string[] = [];
  readonly #descriptor: number;
  readonly #capacity: number;
  readonly #producers: Session<ProducerTask>[] = [];
  readonly #consumers: Session<ConsumerTask>[] = [];

  constructor(path: string, capacity: number) {
    this.#descriptor = openSync(path, "r");
    this.inode = fstatSync(this.#descriptor).ino;
    this.#capacity = capacity;
  }

  get head(): number {
    return this.#word(HEAD_OFFSET);
  }

  get tail(): number {
    return this.#word(TAIL_OFFSET);
  }

  /** An end was taken, and does nothing yet. */
  begin(task: ProducerTask | ConsumerTask): void {
    if (task.side === "producer") {
      this.#producers.push({ task, ...this.#follow(this.#producers, this.head, "head"), clean: false });
    } else {
      this.#consumers.push({ task, ...this.#follow(this.#consumers, this.tail, "tail"), clean: false });
    }
  }

  /** The process that took that end last is gone. */
  end(side: "producer" | "consumer", clean: boolean): void {
    const session = (side === "producer" ? this.#producers : this.#consumers).at(-1) as Session<unknown>;
    const index = side === "producer" ? this.head : this.tail;
    session.to = session.from + ((index - session.from) >>> 0);
    session.clean = clean;
  }

  /** Lets go of the segment without a check. */
  forget(): void {
    closeSync(this.#descriptor);
  }

  /** Checks everything; then this object is of no more use. */
  verify(counts: SoakCounts): void {
    if (this.head !== this.tail) this.#problem(`it was given up with ${(this.head - this.tail) >>> 0} bytes in it`);
    const published = [...this.#published(counts)];
    let next = 0;
    for (const consumer of this.#consumers) next = this.#checkConsumer(consumer, published, next, counts);
    for (const message of published.slice(next)) {
      if (!message.whole) continue;
      counts.lost++;
      this.#problem(`${show(message)} reached nobody`);
    }
    this.forget();
  }

  /** @returns the place in `published` of the first message that this consumer did not release, which began at `first` */
  #checkConsumer(
    { task, from, to, clean }: Session<ConsumerTask>,
    published: readonly Published[],
    first: number,
    counts: SoakCounts,
  ): number {
    const entries = journalEntries(task.journal);
    let entry = 0;
    let taken = 0;
    let repeated = 0;
    let next = first;
    // what began before this one came was cut, and counted at the end of the one before
    while ((published[next]?.from ?? from) < from) next++;
    for (const message of published.slice(next)) {
      if (message.from >= to && entry === entries.length) break;
      const released = message.to <= to;
      if (message.whole && entry < entries.length) {
        const bytes = message.messages.at(message.index);
        if (entries[entry] !== bytes.length || entries[entry + 1] !== contentHash(bytes)) {
          counts.changed++;
          const seen = `${entries[entry]} bytes with hash ${entries[entry + 1]}`;
          this.#problem(`${task.form} got ${seen} for ${show(message)}, ${message.to - to} bytes past its tail`);
        }
        entry += 2;
        if (released) counts.received++;
        // not released, though written down: it comes again to the next consumer, and is counted as received then
        else if (message.from < to || ++repeated > mayRepeat(task)) {
          this.#problem(`${task.form} had ${show(message)} before its release`);
        } else counts.repeated++;
      } else if (message.whole && released) {
        taken++;
        const mayTake = clean ? 0 : task.form === "batches" ? SOAK_BATCH : peeks(task) && message.parts === 1 ? 0 : 1;
        if (taken <= mayTake) {
          counts.taken++;
        } else {
          counts.lost++;
          this.#problem(`${task.form} released ${show(message)} and did not write it down`);
        }
      } else if (message.whole && message.from < to) {
        if (message.parts > 1 && !clean) counts.cut++;
        else this.#problem(`${task.form} left its tail within ${show(message)}`);
      }
      if (message.from < to) next++;
    }
    if (entry < entries.length) {
      counts.changed++;
      this.#problem(`${task.form} got ${(entries.length - entry) / 2} messages more than were published`);
    }
    return next;
  }

  /** The messages in the ring, in order, as the heads that the producers left tell. */
  *#published(counts: SoakCounts): Generator<Published, void> {
    for (const { task, from: first, to: end, clean } of this.#producers) {
      const messages = new SoakMessages(task.session, this.#capacity, task.profile);
      let from = first;
      let index = 0;
      for (; from < end; index++) {
        const sizes = recordSizes(messages.lengthAt(index), this.#capacity);
        let to = from;
        let part = 0;
        for (; part < sizes.length && to + (sizes[part] as number) <= end; part++) to += sizes[part] as number;
        const whole = part === sizes.length;
        if (part === 0) {
          this.#problem(`producer session ${task.session} left its head within a record`);
          break;
        }
        if (whole) counts.published++;
        else counts.unfinished++;
        yield { from, to, whole, parts: sizes.length, index, messages };
        from = to;
        if (!whole) {
          if (to !== end) this.#problem(`producer session ${task.session} left its head within a record`);
          index--;
        }
      }
      // trySend() may have begun one that it had no room to finish
      const done = journalCount(task.journal) - (task.form === "trySend" && !clean ? 1 : 0);
      if (index < done || (clean && index !== task.count)) {
        counts.lost++;
        this.#problem(
          `producer session ${task.session} (${task.form}) had sent ${done}, but only ${index} are published`,
        );
      }
    }
  }

  /** A session begins where the one before has ended. */
  #follow(sessions: Session<unknown>[], index: number, name: string): { from: number; to: number } {
    const from = sessions.at(-1)?.to ?? 0;
    if (from % 2 ** 32 !== index)
      this.#problem(`the ${name} moved from ${from % 2 ** 32} to ${index} between two sessions`);
    return { from, to: from };
  }

  #problem(what: string): void {
    if (this.problems.length < 20) this.problems.push(`Ring ${this.inode} of ${this.#capacity} bytes: ${what}`);
  }

  #word(offset: number): number {
    const word = new Uint32Array(1);
    readSync(this.#descriptor, word, 0, 4, offset);
    return word[0] as number;
  }
}

/** Bytes of the records of a message, as docs/ring-layout.md has it. */
function recordSizes(length: number, capacity: number): number[] {
  if (length <= capacity / 2 - 8) return [(length + 23) & ~15];
  const part = capacity / 4 - 8;
  const full = Math.ceil(length / part) - 1;
  return [...new Array<number>(full).fill(capacity / 4), (length - full * part + 23) & ~15];
}

function peeks({ form }: ConsumerTask): boolean {
  return form === "peek" || form === "peekSync" || form === "tryPeek" || form === "peekBatches";
}

/** How many messages it may have written down and not released. */
function mayRepeat(task: ConsumerTask): number {
  return task.form === "peekBatches" ? SOAK_BATCH : peeks(task) ? 1 : 0;
}

function show({ index, from, to, parts }: Published): string {
  return `message ${index} at ${from} to ${to} (${parts} ${parts === 1 ? "record" : "records"})`;
}
