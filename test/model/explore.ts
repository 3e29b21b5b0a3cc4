import { type Mirror, type ModelMemory, modelMemory, withModelAtomics } from "./model-memory.ts";

/** One process of a scenario. Its program is run again and again, and must do the same when it reads the same. */
export interface Actor {
  readonly name: string;
  /** What it does; it gives what it has seen, for the check at the end. */
  readonly program: (world: World) => unknown;
  /** It may be killed, once, before any of its accesses. */
  readonly mortal?: boolean;
  /** It begins when that one was killed; it never runs when that one was not. */
  readonly succeeds?: string;
}

/** What a program has. */
export interface World extends ModelMemory {
  /** Sleeps until somebody rang this one's bell, or the other side was killed; one ring is enough for all before it. */
  sleep(): void;
  /** As `sleep`, but also ends once all that the others had stored before it began has arrived; @returns false then. */
  nap(): boolean;
  /** Rings the bells of all of these that there are. */
  ring(...names: string[]): void;
  /** Runs `body` while it holds the one lock that there is, and waits for that; the kernel takes it from whoever is killed. */
  exclusively<Result>(body: () => Result): Result;
  /**
   * Says that all the actor will do depends on `state` alone, and not on how it came there: what it read before is forgotten, so that ways
   * which come to the same are explored once.
   */
  mark(state: string | (() => string)): void;
  /** Runs what others neither notice nor disturb, as what is done before they are there: no one comes in between. */
  alone<Result>(body: () => Result): Result;
  /** Whether that actor was killed, as the kernel knows it. */
  isDead(name: string): boolean;
}

export interface Scenario {
  readonly buffer: () => SharedArrayBuffer;
  readonly mirror: Mirror;
  readonly actors: readonly Actor[];
  /** Accesses to these bytes are points at which another actor may come in between; nobody's doing depends on the others. */
  readonly isShared: (byte: number) => boolean;
  /**
   * Ordinary writes of an actor to such a byte stay in the store buffer of its processor, as on x86-64: the others see them later, in order, at
   * the latest at its next atomic operation. The actor itself does not read it.
   */
  readonly isBuffered?: (byte: number) => boolean;
  /** Who wakes when `name` is killed. */
  readonly wokenByDeath: (name: string) => readonly string[];
  /** Throws when the ending is wrong. `results` has what each actor gave; no entry for the killed and those that never ran. */
  readonly check: (results: ReadonlyMap<string, unknown>, killed: string | undefined) => void;
}

/** What an exploration found. */
export interface Exploration {
  /** Different states of memory and actors. */
  readonly states: number;
  /** Endings that were checked. */
  readonly endings: number;
}

/** A wrong ending, or one that never comes. */
export class Violation extends Error {
  /** The steps that lead to it. */
  readonly trace: readonly string[];

  constructor(message: string, trace: readonly string[]) {
    super(`${message}\n  ${trace.join("\n  ")}`);
    this.trace = trace;
  }
}

/**
 * Runs every interleaving of the actors of a scenario, on a memory that is sequentially consistent, but for what the scenario says is buffered.
 *
 * JavaScript cannot stop a function in the middle. So an actor that makes one more step is run from its beginning: what it read before is
 * given to it again, its writes are not made again, and after the new access it is ended by an exception. States that were seen are not
 * explored again; a state is the memory, and for each actor what it has read.
 *
 * @throws {Violation} with the shortest steps that were met first
 */
export function explore(scenario: Scenario, limit = 5_000_000): Exploration {
  return withModelAtomics(() => new Explorer(scenario, limit).run());
}

/** Ends an actor at its next access. */
const STOP: unique symbol = Symbol("stop");

/** How far an actor is. */
interface Progress {
  /** What its accesses gave. */
  readonly log: readonly unknown[];
  /** Of what it read since the last mark, and of that mark. */
  readonly hash: number;
  /** How much it had read then. */
  readonly marked: number;
  readonly state: "unborn" | "running" | "sleeping" | "napping" | "locked out" | "finished" | "killed";
  readonly result: unknown;
  /** What it has stored and the others do not see yet, the oldest first. */
  readonly buffer: readonly Store[];
}

interface Store {
  readonly byte: number;
  readonly value: number;
  /** It was there when somebody began to nap, whose nap does not end before it has arrived. */
  readonly old: boolean;
}

interface State {
  readonly memory: Uint8Array;
  readonly actors: readonly Progress[];
  /** Whose bell was rung. */
  readonly bells: number;
  readonly killed: number;
  /** Who holds the lock; -1 for nobody. */
  readonly lock: number;
}

class Explorer {
  readonly #scenario: Scenario;
  readonly #limit: number;
  readonly #memoryBuffer: SharedArrayBuffer;
  readonly #memory: Uint8Array;
  readonly #world: World;
  readonly #sharedWords: number[] = [];
  readonly #seen = new Set<string>();
  readonly #trace: string[] = [];
  #endings = 0;

  // The actor that runs
  #log: unknown[] = [];
  #replayed = 0;
  #budget = 0;
  #hash = 0;
  #marked = 0;
  #stopped = false;
  #asleep: "sleeping" | "napping" | undefined;
  #buffer: Store[] = [];
  #ages = false;
  #timedOut = false;
  #lockedOut = false;
  #alone = false;
  #bells = 0;
  #killed = -1;
  #lock = -1;
  #actor = 0;

  constructor(scenario: Scenario, limit: number) {
    this.#scenario = scenario;
    this.#limit = limit;
    this.#memoryBuffer = scenario.buffer();
    this.#memory = new Uint8Array(this.#memoryBuffer);
    for (let byte = 0; byte < this.#memory.length; byte += 4) {
      if (scenario.isShared(byte)) this.#sharedWords.push(byte >> 2);
    }
    this.#world = {
      ...modelMemory(this.#memoryBuffer, scenario.mirror, (...access) => this.#access(...access)),
      mark: (mark) => this.#mark(mark),
      alone: (body) => {
        this.#alone = true;
        try {
          return body();
        } finally {
          this.#alone = false;
        }
      },
      sleep: () => void this.#point("sleep", () => this.#sleep("sleeping")),
      nap: () => this.#point("nap", () => this.#sleep("napping")) as boolean,
      exclusively: (body) => {
        this.#point("takes the lock", () => this.#takeLock());
        const result = body();
        this.#point("lets the lock go", () => {
          this.#lock = -1;
        });
        return result;
      },
      ring: (...names) =>
        void this.#point(`rings ${names[0]}`, () => {
          for (const name of names) {
            const index = this.#indexOf(name);
            if (index !== -1) this.#bells |= 1 << index;
          }
        }),
      isDead: (name) =>
        this.#point(`looks whether ${name} lives`, () => this.#killed === this.#indexOf(name)) as boolean,
    };
  }

  run(): Exploration {
    const actors = this.#scenario.actors.map(({ succeeds }): Progress => {
      const state = succeeds === undefined ? "running" : "unborn";
      return { log: [], hash: 0, marked: 0, state, result: undefined, buffer: [] };
    });
    this.#visit({ memory: this.#memory.slice(), actors, bells: 0, killed: -1, lock: -1 });
    return { states: this.#seen.size, endings: this.#endings };
  }

  #visit(state: State): void {
    const key = this.#keyOf(state);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (this.#seen.size > this.#limit) throw new Error(`More than ${this.#limit} states: make the scenario smaller`);
    let moved = false;
    for (let actor = 0; actor < state.actors.length; actor++) {
      if (!this.#mayRun(state, actor)) continue;
      moved = true;
      const length = this.#trace.length;
      this.#visit(this.#step(state, actor));
      this.#trace.length = length;
    }
    for (const [actor, { buffer }] of state.actors.entries()) {
      if (buffer.length === 0) continue;
      moved = true;
      const length = this.#trace.length;
      this.#trace.push(`the store of ${this.#name(actor)} arrives`);
      this.#visit(this.#arrive(state, actor));
      this.#trace.length = length;
    }
    for (const [actor, { mortal }] of this.#scenario.actors.entries()) {
      if (!mortal || state.killed !== -1 || state.actors[actor]?.state === "finished") continue;
      const length = this.#trace.length;
      this.#trace.push(`${this.#name(actor)} is killed`);
      this.#visit(this.#kill(state, actor));
      this.#trace.length = length;
    }
    if (!moved) this.#end(state);
  }

  #mayRun(state: State, actor: number): boolean {
    const progress = state.actors[actor] as Progress;
    if (progress.state === "running") return true;
    if (progress.state === "locked out") return state.lock === -1;
    if (progress.state === "napping" && !state.actors.some(({ buffer }) => buffer.some(({ old }) => old))) return true;
    return isAsleep(progress) && (state.bells & (1 << actor)) !== 0;
  }

  #arrive(state: State, actor: number): State {
    const memory = state.memory.slice();
    const actors = state.actors.slice();
    const { buffer, ...progress } = actors[actor] as Progress;
    const { byte, value } = buffer[0] as Store;
    new DataView(memory.buffer).setInt32(byte, value, true);
    actors[actor] = { ...progress, buffer: buffer.slice(1) };
    return { ...state, memory, actors };
  }

  #kill(state: State, actor: number): State {
    let bells = state.bells;
    for (const name of this.#scenario.wokenByDeath(this.#name(actor))) bells |= 1 << this.#indexOf(name);
    const actors = state.actors.map((progress, i): Progress => {
      if (i === actor) return { ...progress, state: "killed", result: undefined };
      const heir = this.#scenario.actors[i]?.succeeds === this.#name(actor);
      return heir && progress.state === "unborn" ? { ...progress, state: "running" } : progress;
    });
    return { ...state, actors, bells, killed: actor, lock: state.lock === actor ? -1 : state.lock };
  }

  /** Makes one access that others may notice, and all others up to the next of that kind. */
  #step(state: State, actor: number): State {
    this.#memory.set(state.memory);
    const before = state.actors[actor] as Progress;
    this.#actor = actor;
    this.#bells = state.bells;
    this.#killed = state.killed;
    this.#lock = state.lock;
    this.#log = [...before.log];
    this.#hash = before.hash;
    this.#marked = before.marked;
    this.#replayed = 0;
    this.#budget = 1;
    this.#stopped = false;
    this.#asleep = undefined;
    this.#buffer = [...before.buffer];
    this.#ages = false;
    this.#timedOut = before.state === "napping" && (state.bells & (1 << actor)) === 0;
    this.#lockedOut = false;
    let after: Progress["state"] = "running";
    let result: unknown;
    try {
      result = (this.#scenario.actors[actor] as Actor).program(this.#world);
      if (this.#stopped) throw STOP;
      after = "finished";
    } catch (error) {
      if (error !== STOP) throw new Violation(`${this.#name(actor)} fails: ${String(error)}`, this.#trace);
      if (this.#asleep !== undefined) after = this.#asleep;
      if (this.#lockedOut) after = "locked out";
    }
    const actors = state.actors.map((progress) =>
      this.#ages ? { ...progress, buffer: progress.buffer.map((store) => ({ ...store, old: true })) } : progress,
    );
    const buffer = this.#buffer;
    actors[actor] = { log: this.#log, hash: this.#hash, marked: this.#marked, state: after, result, buffer };
    return { memory: this.#memory.slice(), actors, bells: this.#bells, killed: state.killed, lock: this.#lock };
  }

  #end(state: State): void {
    const asleep = state.actors.flatMap((progress, i) => (isAsleep(progress) ? [this.#name(i)] : []));
    if (asleep.length > 0) throw new Violation(`${asleep.join(" and ")} sleeps for ever`, this.#trace);
    this.#endings++;
    const results = new Map<string, unknown>();
    for (const [i, progress] of state.actors.entries()) {
      if (progress.state === "finished") results.set(this.#name(i), progress.result);
    }
    try {
      this.#scenario.check(results, state.killed === -1 ? undefined : this.#name(state.killed));
    } catch (error) {
      throw new Violation(String((error as Error).message), this.#trace);
    }
  }

  #access(what: string, byte: number, perform: () => unknown, written?: number): unknown {
    const free = this.#alone || !this.#scenario.isShared(byte);
    if (written !== undefined && this.#scenario.isBuffered?.(byte)) {
      const store = () => void this.#buffer.push({ byte, value: written, old: false });
      return this.#point(`${what} of ${written} at ${byte}, buffered`, store, free);
    }
    return this.#point(`${what} at ${byte}`, what.startsWith("Atomics") ? () => this.#inOrder(perform) : perform, free);
  }

  /** An atomic operation comes after all stores of its thread have arrived. */
  #inOrder(perform: () => unknown): unknown {
    const view = new DataView(this.#memoryBuffer);
    for (const { byte, value } of this.#buffer) view.setInt32(byte, value, true);
    this.#buffer = [];
    return perform();
  }

  #mark(state: string | (() => string)): void {
    if (this.#stopped || this.#replayed < this.#log.length) return;
    const mark = typeof state === "string" ? state : state();
    this.#hash = 0;
    for (let i = 0; i < mark.length; i++) this.#hash = Math.imul(this.#hash ^ mark.charCodeAt(i), 0x0100_0193);
    this.#marked = this.#log.length;
  }

  #point(what: string, perform: () => unknown, free = false): unknown {
    // also for what an ended actor does in its `finally`
    if (this.#stopped) throw STOP;
    if (this.#replayed < this.#log.length) return this.#log[this.#replayed++];
    if (!free && this.#budget-- === 0) {
      this.#stopped = true;
      throw STOP;
    }
    const value = perform();
    this.#log.push(value);
    this.#replayed++;
    this.#hash = mix(this.#hash, value);
    if (!free) this.#trace.push(`${this.#name(this.#actor)}: ${what}${describe(value)}`);
    return value;
  }

  /** Takes the ring of one's own bell, or ends the step before it: that one goes on when the bell has rung, or the nap is over. */
  #sleep(how: "sleeping" | "napping"): boolean {
    const bell = 1 << this.#actor;
    if ((this.#bells & bell) !== 0) {
      this.#bells &= ~bell;
      return true;
    }
    if (how === "napping" && this.#timedOut) return false;
    this.#ages = how === "napping";
    this.#asleep = how;
    this.#stopped = true;
    throw STOP;
  }

  /** Takes the lock, or ends the step before it: that one goes on when the lock is free. */
  #takeLock(): void {
    if (this.#lock === -1) {
      this.#lock = this.#actor;
      return;
    }
    this.#lockedOut = true;
    this.#stopped = true;
    throw STOP;
  }

  /** Two hashes of what is shared of the memory, which together are as good as that itself, and how far the actors are. */
  #keyOf({ memory, actors, bells, killed, lock }: State): string {
    const words = new Int32Array(memory.buffer, memory.byteOffset, memory.length >> 2);
    let one = 0x811c_9dc5;
    let two = 0x1234_5678;
    for (const i of this.#sharedWords) {
      const word = words[i] as number;
      if (word === 0) continue;
      one = Math.imul(one ^ word ^ (i << 7), 0x0100_0193);
      two = (Math.imul(two + word, 0x85eb_ca6b) ^ Math.imul(i + 1, 0xc2b2_ae35)) + (two >>> 15);
    }
    const far = actors.map(({ log, marked, hash, state, result, buffer }) => {
      const stores = buffer.map(({ byte, value, old }) => `${byte}=${value}${old ? "!" : ""}`).join();
      if (state === "killed") return `${state}${stores}`;
      if (stores !== "") return `${state}${log.length - marked}.${hash}.${stores}${JSON.stringify(result)}`;
      return state === "finished" ? JSON.stringify(result) : `${state}${log.length - marked}.${hash}`;
    });
    return `${one}.${two}.${bells}.${killed}.${lock}.${far.join(".")}`;
  }

  #name(actor: number): string {
    return (this.#scenario.actors[actor] as Actor).name;
  }

  #indexOf(name: string): number {
    return this.#scenario.actors.findIndex((actor) => actor.name === name);
  }
}

function isAsleep({ state }: Progress): boolean {
  return state === "sleeping" || state === "napping";
}

function describe(value: unknown): string {
  return typeof value === "number" || typeof value === "boolean" ? ` -> ${value}` : "";
}

/** FNV-1a over whatever an access gave. */
function mix(hash: number, value: unknown): number {
  if (value instanceof Uint8Array) {
    let result = hash;
    for (const byte of value) result = Math.imul(result ^ byte, 0x0100_0193);
    return result;
  }
  const number = typeof value === "number" ? value : value === true ? 1 : value === undefined ? 7 : 0;
  return Math.imul((hash ^ number ^ (number >>> 16)) + 0x9e37, 0x0100_0193);
}
