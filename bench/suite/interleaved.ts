import { median } from "./median.ts";
import type { Figure } from "./result.ts";

/** One contender at one job, to be measured in every round. */
export interface Entry {
  readonly figure: Omit<Figure, "samples">;
  /** Why it cannot be measured here; such an entry has a figure without samples. */
  readonly missing?: string | undefined;
  /** Measures once. */
  measure(): Promise<number>;
  /** What there is to say further, from the median of what was measured. */
  more?(median: number): Record<string, number | string>;
  /** The histogram over all rounds. */
  histogram?(): Figure["histogram"];
}

/**
 * Measures all entries of each job in each round, every other round backwards, so that what changes on the machine meanwhile meets all.
 * A contender that fails has a figure that says so, and is not tried again.
 *
 * @param say is told how far it is
 */
export async function interleaved(
  jobs: readonly (readonly Entry[])[],
  rounds: number,
  say: (progress: string) => void,
): Promise<Figure[]> {
  const samples = new Map<Entry, number[]>();
  const failures = new Map<Entry, string>();
  for (const entry of jobs.flat()) {
    samples.set(entry, []);
    if (entry.missing !== undefined) failures.set(entry, entry.missing);
  }
  for (let round = 0; round < rounds; round++) {
    for (const entries of jobs) {
      for (const entry of round % 2 === 0 ? entries : entries.toReversed()) {
        if (failures.has(entry)) continue;
        try {
          samples.get(entry)?.push(await entry.measure());
        } catch (error) {
          const { job, contender } = entry.figure;
          say(`${job}: ${contender} failed: ${(error as Error).message}`);
          failures.set(entry, `It failed: ${essence((error as Error).message)}`);
        }
      }
      say(`round ${round + 1} of ${rounds}: ${entries[0]?.figure.job}`);
    }
  }
  return jobs.flat().map((entry) => {
    const failure = failures.get(entry);
    return failure === undefined ? figureOf(entry, samples.get(entry) ?? []) : withoutSamples(entry, failure);
  });
}

/** The line of a failed process's output that tells the error, else the first. */
function essence(message: string): string {
  const lines = message.split("\n");
  return lines.find((line) => /^(\w*Error|error):/.test(line)) ?? (lines[0] as string);
}

function figureOf({ figure, more, histogram }: Entry, samples: readonly number[]): Figure {
  const buckets = histogram?.();
  return {
    ...figure,
    samples,
    ...(more === undefined ? {} : { more: more(median(samples)) }),
    ...(buckets === undefined ? {} : { histogram: buckets }),
  };
}

function withoutSamples({ figure }: Entry, note: string): Figure {
  return { ...figure, samples: [], note };
}
