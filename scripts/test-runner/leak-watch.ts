import { setTimeout as sleep } from "node:timers/promises";
import { sharedObjects } from "./shared-objects.ts";

/**
 * Finds objects of the whole machine that outlive the test files. Files may run side by side, so an object is held against
 * all the files that ran when it appeared, and only once they all ended. What a live process still holds is not theirs.
 */
export class LeakWatch {
  #known = new Set(sharedObjects().keys());
  #running = new Set<string>();
  /** objects that appeared, with the files that may have made them */
  #suspects = new Map<string, Set<string>>();

  start(file: string): void {
    this.#look();
    this.#running.add(file);
  }

  /** @returns a line for each object that is left for good, with the files that may have made it */
  async end(file: string): Promise<string[]> {
    this.#look();
    this.#running.delete(file);
    const due = new Map<string, Set<string>>();
    for (const [object, files] of this.#suspects) {
      if ([...files].some((name) => this.#running.has(name))) continue;
      this.#suspects.delete(object);
      due.set(object, files);
    }
    const left = await outliving([...due.keys()]);
    for (const object of left) this.#known.add(object);
    return left.map((object) => `left behind by ${[...(due.get(object) ?? [])].join(" or ")}: ${object}`);
  }

  #look(): void {
    const objects = sharedObjects();
    for (const object of this.#suspects.keys()) if (!objects.has(object)) this.#suspects.delete(object);
    for (const object of objects.keys()) {
      if (this.#known.has(object) || this.#suspects.has(object) || this.#running.size === 0) continue;
      this.#suspects.set(object, new Set(this.#running));
    }
    if (this.#running.size === 0) this.#known = new Set(objects.keys());
  }
}

/** Those that are still there, and nobody's, after two seconds, which is longer than a killed process takes to go. */
async function outliving(objects: readonly string[]): Promise<string[]> {
  let left = [...objects];
  for (let tries = 0; left.length > 0 && tries < 20; tries++) {
    const there = sharedObjects();
    left = left.filter((object) => there.get(object)?.() === false);
    if (left.length > 0) await sleep(100);
  }
  return left;
}
