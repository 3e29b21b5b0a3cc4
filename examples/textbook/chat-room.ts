// The chat room of chat-with-condition.ts and chat-with-signals.ts: what lies in the shared memory, and the parent that opens the room,
// starts the members and compares what they heard. How a member waits is up to the two programs.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { Channel, Condition, Mutex, type SharedMemory } from "millrace";

export const NAMES = ["anna", "bert", "carl", "dora"];
/** Of each member. */
export const LINES = 50;
export const ALL_LINES: number = NAMES.length * LINES;
/** Lines that the memory holds. A line is overwritten only when every member has read it. */
const HISTORY = 8;
const LINE_BYTES = 64;

// where things are in the shared memory, in bytes
export const MUTEX_AT = 0;
export const CHANGED_AT: number = Math.ceil(Mutex.bytes / 8) * 8; // room for a condition
const COUNTS_AT = CHANGED_AT + Math.ceil(Condition.bytes / 8) * 8; // lines that were said; lines that each member has read
const PIDS_AT = COUNTS_AT + 4 * (1 + NAMES.length);
const LINES_AT = PIDS_AT + 4 * NAMES.length;
export const ROOM_BYTES: number = LINES_AT + HISTORY * LINE_BYTES;

/** What is in the shared memory beside the mutex. Only who has the mutex uses it. */
export class Room {
  readonly #counts: Int32Array<SharedArrayBuffer>;
  readonly #pids: Int32Array<SharedArrayBuffer>;
  readonly #lines: Uint8Array<SharedArrayBuffer>;

  constructor(memory: SharedMemory) {
    const { buffer, byteOffset } = memory.bytes;
    this.#counts = new Int32Array(buffer, byteOffset + COUNTS_AT, 1 + NAMES.length);
    this.#pids = new Int32Array(buffer, byteOffset + PIDS_AT, NAMES.length);
    this.#lines = memory.bytes.subarray(LINES_AT, LINES_AT + HISTORY * LINE_BYTES);
  }

  /** Process ids of the members that are in the room; for those who tell each other by signals. */
  get members(): number[] {
    return [...this.#pids].filter((pid) => pid !== 0);
  }

  enter(member: number): void {
    this.#pids[member] = process.pid;
  }

  leave(member: number): void {
    this.#pids[member] = 0;
  }

  /** How many lines were said. */
  get said(): number {
    return this.#counts[0] ?? 0;
  }

  /** How many of them a member has read. */
  readBy(member: number): number {
    return this.#counts[1 + member] ?? 0;
  }

  /** Whether the place of the next line is taken by one that somebody has not read yet. */
  get isFull(): boolean {
    return this.said - Math.min(...this.#counts.subarray(1)) === HISTORY;
  }

  say(text: string): void {
    const line = this.#lineAt(this.said);
    line.fill(0);
    line.set(new TextEncoder().encode(text));
    this.#counts[0] = this.said + 1;
  }

  read(member: number): string {
    const line = new Uint8Array(this.#lineAt(this.readBy(member))); // a copy: TextDecoder takes no shared memory
    this.#counts[1 + member] = this.readBy(member) + 1;
    return new TextDecoder().decode(line).replace(/\0+$/, "");
  }

  #lineAt(count: number): Uint8Array<SharedArrayBuffer> {
    const start = (count % HISTORY) * LINE_BYTES;
    return this.#lines.subarray(start, start + LINE_BYTES);
  }
}

/** Starts the members, each with `args` as its command line, and checks that all heard the same conversation. */
export async function holdChat(file: string, args: (member: number) => string[]): Promise<void> {
  const members = await Promise.all(NAMES.map((_, member) => startMember(file, args(member))));
  const transcripts: string[][] = [];
  for (const { transcript, ended } of members) {
    transcripts.push((await transcript.receive()) as string[]);
    assert.deepEqual(await ended, [0, null]);
    await transcript.close();
  }
  const [first = []] = transcripts;
  for (const transcript of transcripts) assert.deepEqual(transcript, first);
  console.log(`${NAMES.length} members heard the same ${first.length} lines in the same order`);
  for (const name of NAMES) {
    const own = first.filter((line) => line.startsWith(`${name}: `));
    const said = Array.from({ length: LINES }, (_, index) => `${name}: line ${index + 1}`);
    assert.deepEqual(own, said);
  }
  console.log("and the lines of each as they were said");
}

async function startMember(file: string, args: string[]) {
  const { channel: transcript, child: end } = await Channel.pipeForChild("sender", { codec: "json" });
  const child = fork(file, args, { stdio: ["ignore", "inherit", "inherit", end.fd, "ipc"] });
  end.close();
  return { transcript, ended: once(child, "exit") };
}
