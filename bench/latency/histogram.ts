import type { Figure } from "../suite/result.ts";

const STEPS_PER_DECADE = 12;
const LOWEST_NS = 50;

/** Counts of round trips by how long they took, on bounds that are a twelfth of a decade apart. */
export class Histogram {
  readonly #counts = new Map<number, number>();

  add(samplesNs: Uint32Array): void {
    for (const ns of samplesNs) {
      const bucket = Math.max(0, Math.ceil(STEPS_PER_DECADE * Math.log10(Math.max(1, ns) / LOWEST_NS)));
      this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    }
  }

  /** @returns bounds in microseconds; `undefined` when nothing was added */
  inMicroseconds(): Figure["histogram"] {
    if (this.#counts.size === 0) return undefined;
    const first = Math.max(0, Math.min(...this.#counts.keys()) - 1);
    const last = Math.max(...this.#counts.keys());
    const buckets = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const bound = (bucket: number) => (LOWEST_NS * 10 ** (bucket / STEPS_PER_DECADE)) / 1000;
    return {
      bounds: buckets.map((bucket) => Number(bound(bucket).toPrecision(4))),
      counts: buckets.map((bucket) => this.#counts.get(bucket) ?? 0),
    };
  }
}
