import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type PeerProcess, startPeer } from "../support/peer-process.ts";
import type { RuntimeName } from "../support/runtimes.ts";
import { Incarnation, type SoakCounts } from "./incarnation.ts";
import { createJournal } from "./journal.ts";
import { SOAK_PROFILES, scramble } from "./soak-messages.ts";
import { RECEIVE_FORMS, SEND_FORMS, type SoakTask } from "./soak-task.ts";

/** What the soak did, and what came of it. */
export interface KillSoakResult extends SoakCounts {
  readonly seed: number;
  /** Rings with a capacity and a time of their own. */
  rounds: number;
  /** Processes that were killed, at any time of their life. */
  kills: { producer: number; consumer: number };
  /** Processes that were started. */
  starts: { producer: number; consumer: number };
  /** Processes that came to the end of what they had to do. */
  clean: { producer: number; consumer: number };
  /** Waits that nothing ended. */
  hangs: number;
  /** What is wrong, in words. */
  problems: string[];
}

type Role = "producer" | "consumer";

const RUNTIMES: readonly RuntimeName[] = ["bun", "bun", "node20", "node26", "deno"];
/** Nobody works that long on a ring without moving an index, however loaded the machine is. */
const HANG = 30_000;
/** Messages of a producer that is killed, of one that may come to its end before, and of one at the end of a round. */
const FOREVER = 2 ** 30;
const SOME = 5000;
const LAST = 10;

/**
 * Kills and restarts the two ends of rings at random times, with SIGKILL, and checks every message.
 *
 * @param seconds how long to kill; the last ring is then emptied
 * @param seed decides about capacities, runtimes, forms, messages and times; the kernel's scheduling it does not decide about
 */
export async function killSoak(seconds: number, seed: number): Promise<KillSoakResult> {
  const directory = mkdtempSync(join(tmpdir(), "soak-"));
  const before = process.env.MILLRACE_DIR;
  process.env.MILLRACE_DIR = join(directory, "objects");
  mkdirSync(process.env.MILLRACE_DIR, { mode: 0o700 });
  const result: KillSoakResult = {
    seed,
    rounds: 0,
    kills: { producer: 0, consumer: 0 },
    starts: { producer: 0, consumer: 0 },
    clean: { producer: 0, consumer: 0 },
    published: 0,
    received: 0,
    repeated: 0,
    taken: 0,
    cut: 0,
    unfinished: 0,
    lost: 0,
    changed: 0,
    hangs: 0,
    problems: [],
  };
  const end = performance.now() + seconds * 1000;
  try {
    while (performance.now() < end && result.problems.length === 0) {
      const random = generator(scramble(seed + result.rounds));
      const round = new Round(directory, result, random);
      result.rounds++;
      await round.run(Math.min(end - performance.now(), 1500 + random(4000)));
    }
    const left = readdirSync(process.env.MILLRACE_DIR).filter((name) => !name.startsWith(".owned-"));
    if (left.length > 0) result.problems.push(`Left behind: ${left.join(", ")}`);
    return result;
  } finally {
    if (before === undefined) delete process.env.MILLRACE_DIR;
    else process.env.MILLRACE_DIR = before;
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One ring, under a name and with a capacity of its own, until it is emptied and gone. */
class Round {
  readonly #directory: string;
  readonly #result: KillSoakResult;
  readonly #random: (below: number) => number;
  readonly #name: string;
  readonly #path: string;
  readonly #capacity: number;
  readonly #life: number;
  readonly #peers = new Set<PeerProcess>();
  #ring: Incarnation | undefined;
  #journals = 0;
  #over = false;
  #failed = false;
  /** Resolves when the consumer that was told to close is gone. */
  #closing: Promise<void> | undefined;
  /** Those that go by themselves, each until it is gone and its end is noted. */
  readonly #leaving = new Set<Promise<void>>();
  #producing = false;
  #emptied = false;
  readonly #alive = { producer: false, consumer: false };

  constructor(directory: string, result: KillSoakResult, random: (below: number) => number) {
    this.#directory = directory;
    this.#result = result;
    this.#random = random;
    this.#name = `soak-${result.rounds}`;
    this.#path = join(process.env.MILLRACE_DIR as string, `${this.#name}.ring`);
    this.#capacity = 4096 << random(7);
    this.#life = [15, 60, 250][random(3)] as number;
  }

  async run(milliseconds: number): Promise<void> {
    const watching = new AbortController();
    const watch = this.#watch(watching.signal);
    try {
      const work = Promise.all([this.#produce(), this.#consume()]);
      work.catch(() => {});
      await Promise.race([sleep(milliseconds), work]);
      this.#over = true;
      await Promise.race([work, watch]);
      // a last producer may have come when the consumer had met the end of the one before
      while (!this.#failed && existsSync(this.#path)) await Promise.race([this.#runConsumer(), watch]);
      if (!this.#failed) this.#retire();
    } catch (error) {
      this.#result.problems.push(`${this.#name}: ${error}`);
    } finally {
      this.#failed = true;
      watching.abort();
      await Promise.all([...this.#peers].map((peer) => peer.kill()));
    }
  }

  async #produce(): Promise<void> {
    while (!this.#over) {
      await this.#runProducer(this.#random(4) === 0 ? 11 + this.#random(SOME) : FOREVER);
      if (this.#random(3) === 0) await sleep(this.#random(60));
    }
    // the last ones are not killed, and send a little, until a consumer has met the end
    while ((!this.#emptied || this.#alive.consumer) && !this.#failed) {
      await this.#runProducer(LAST);
      for (let tries = 0; tries < 50 && (!this.#emptied || this.#alive.consumer); tries++) await sleep(10);
    }
  }

  async #runProducer(count: number): Promise<void> {
    const task: SoakTask = {
      side: "producer",
      address: `ring:${this.#name}`,
      capacity: this.#capacity,
      journal: this.#journal(),
      form: SEND_FORMS[this.#random(SEND_FORMS.length)] ?? "send",
      session: scramble(this.#result.seed + this.#result.starts.producer),
      profile: SOAK_PROFILES[this.#random(SOAK_PROFILES.length)] ?? "mixed",
      count,
    };
    const peer = this.#start(task);
    if (!(await this.#isReady(peer, task))) return;
    await this.#closing;
    this.#producing = true;
    const said = await this.#work(peer, ["closed", "IPC_PEER_GONE", "IPC_CLOSED"], task.side, () => count === LAST);
    // one that was refused closes by itself; one that met a dead consumer and a full ring is killed
    if (said === "IPC_PEER_GONE") await this.#kill(peer, task.side);
    if (said === "IPC_PEER_GONE" || said === "killed") this.#ring?.end("producer", false);
    else await this.#goes(peer, "producer", said === "closed");
    this.#producing = false;
  }

  async #consume(): Promise<void> {
    while ((!this.#emptied || this.#alive.producer) && !this.#failed) {
      await this.#runConsumer();
      if (this.#random(3) === 0) await sleep(this.#random(60));
    }
  }

  async #runConsumer(): Promise<void> {
    const task: SoakTask = {
      side: "consumer",
      address: `ring:${this.#name}`,
      capacity: this.#capacity,
      journal: this.#journal(),
      form: RECEIVE_FORMS[this.#random(RECEIVE_FORMS.length)] ?? "receive",
    };
    const peer = this.#start(task);
    if (!(await this.#isReady(peer, task))) return;
    const said = await this.#work(peer, ["ended", "gone", "full"], task.side, () => this.#over);
    if (said === "killed") this.#ring?.end("consumer", false);
    else await this.#leave(peer, said);
  }

  /** A consumer that has met the end closes, which removes the ring, unless there is a producer again. */
  async #leave(peer: PeerProcess, said: string): Promise<void> {
    // what is between the close of the last producer and its exit is none of the consumer's business
    for (let tries = 0; this.#producing && this.#over && tries < 500; tries++) await sleep(10);
    const drained = this.#ring?.head === this.#ring?.tail;
    if (said === "full" || this.#producing || !drained || (!this.#over && this.#random(2) === 0)) {
      await this.#kill(peer, "consumer");
      this.#ring?.end("consumer", said !== "full");
      return;
    }
    // no producer gets to work meanwhile: what it would publish would be given up with the ring
    peer.say("close");
    this.#closing = this.#goes(peer, "consumer", true);
    await this.#closing;
    this.#closing = undefined;
    if (this.#over && said === "ended") this.#emptied = true;
  }

  /** Waits until it is attached, or kills it before that. */
  async #isReady(peer: PeerProcess, task: SoakTask): Promise<boolean> {
    const early = !this.#over && this.#random(10) === 0 ? sleep(this.#random(200)).then(() => "early") : undefined;
    const ready = peer.line("ready").then(() => "ready");
    ready.catch(() => {});
    if ((await Promise.race(early === undefined ? [ready] : [ready, early])) === "early") {
      await this.#kill(peer, task.side);
      return false;
    }
    // the end is held by a process that does nothing yet, so the name leads to its ring
    const found = new Incarnation(join(this.#path, "segment"), this.#capacity);
    if (this.#ring?.inode !== found.inode) {
      // who closed it may not be gone yet
      await Promise.all(this.#leaving);
      this.#retire();
      this.#ring = found;
    } else {
      found.forget();
    }
    this.#ring.begin(task);
    return true;
  }

  /** Lets it go on until it says one of these, or until its time has come, unless it is spared. */
  async #work(peer: PeerProcess, lines: readonly string[], role: Role, spared: () => boolean): Promise<string> {
    const said = Promise.any(lines.map((line) => peer.line(line).then(() => line)));
    said.catch(() => {});
    peer.say("go");
    for (;;) {
      const time = new AbortController();
      const life = Math.round(-Math.log(1 - this.#random(1000) / 1000) * this.#life * 2);
      const death = sleep(this.#over ? 200 : life, "death", { signal: time.signal }).catch(() => "death");
      const first = await Promise.race([said, death]).finally(() => time.abort());
      if (first !== "death") return first;
      if (spared() && !this.#failed) continue;
      await this.#kill(peer, role);
      return "killed";
    }
  }

  #start(task: SoakTask): PeerProcess {
    this.#result.starts[task.side]++;
    const runtime = RUNTIMES[this.#random(RUNTIMES.length)] ?? "bun";
    const peer = startPeer(runtime, "test/soak/soak-end.ts", [JSON.stringify(task)]);
    this.#peers.add(peer);
    this.#alive[task.side] = true;
    return peer;
  }

  async #kill(peer: PeerProcess, role: Role): Promise<void> {
    await peer.kill();
    this.#gone(peer, role);
    this.#result.kills[role]++;
  }

  /** It goes by itself. `clean`: it has done all that it had to do. */
  async #goes(peer: PeerProcess, role: Role, clean: boolean): Promise<void> {
    const going = (async () => {
      const { status, lines } = await peer.exit();
      this.#gone(peer, role);
      this.#ring?.end(role, clean);
      this.#result.clean[role]++;
      if (status !== 0) this.#result.problems.push(`A ${role} ended with status ${status}: ${lines.join("; ")}`);
    })();
    this.#leaving.add(going);
    await going.finally(() => this.#leaving.delete(going));
  }

  #gone(peer: PeerProcess, role: Role): void {
    this.#peers.delete(peer);
    this.#alive[role] = false;
  }

  #journal(): string {
    const path = join(this.#directory, `${this.#name}-${this.#journals++}`);
    createJournal(path);
    return path;
  }

  /** The ring is gone: was everything right? */
  #retire(): void {
    this.#ring?.verify(this.#result);
    this.#result.problems.push(...(this.#ring?.problems ?? []));
    this.#ring = undefined;
  }

  /** Resolves when nothing has moved for long, and says so. */
  async #watch(signal: AbortSignal): Promise<void> {
    let seen = "";
    let since = performance.now();
    while (!signal.aborted) {
      await sleep(200, undefined, { signal }).catch(() => {});
      const { starts, kills, clean } = this.#result;
      const now = `${this.#ring?.head} ${this.#ring?.tail} ${JSON.stringify([starts, kills, clean])}`;
      if (now !== seen) since = performance.now();
      seen = now;
      if (signal.aborted || performance.now() - since < HANG) continue;
      this.#failed = true;
      this.#result.hangs++;
      this.#result.problems.push(`${this.#name} has not moved for ${HANG} ms: head and tail ${seen}`);
      return;
    }
  }
}

/** Numbers below a limit, decided by the seed. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 1) | 0;
    return scramble(state) % below;
  };
}
