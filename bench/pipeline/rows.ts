/** What the pipeline is about: sales by region. */

export const REGIONS = [
  "eu-west",
  "eu-north",
  "us-east",
  "us-west",
  "ap-south",
  "ap-east",
  "sa-east",
  "af-south",
] as const;
export const KINDS = ["view", "click", "search", "cart", "purchase", "refund"] as const;
export const PURCHASE: number = KINDS.indexOf("purchase");
/** The filter keeps purchases from this amount on. */
export const LEAST_AMOUNT = 500;

/** What is left of a line when it was parsed: two words. */
export const ROW_WORDS = 2;

export interface Sale {
  readonly region: string;
  readonly kind: string;
  readonly amount: number;
}

const regionNumbers = new Map<string, number>(REGIONS.map((name, number) => [name, number]));
const kindNumbers = new Map<string, number>(KINDS.map((name, number) => [name, number]));

/** Writes a row as words. */
export function putRow(words: Int32Array, at: number, { region, kind, amount }: Sale): void {
  words[at] = amount;
  words[at + 1] = (regionNumbers.get(region) ?? 0xff) | ((kindNumbers.get(kind) ?? 0xff) << 8);
}

export function regionOf(second: number): number {
  return second & 0xff;
}

export function kindOf(second: number): number {
  return second >>> 8;
}

/** Whether the filter keeps it. */
export function isWanted(amount: number, second: number): boolean {
  return kindOf(second) === PURCHASE && amount >= LEAST_AMOUNT;
}

/** The result: how many rows were kept, and the sum of their amounts, by region. */
export type Totals = Readonly<Record<string, { readonly rows: number; readonly amount: number }>>;

/** Adds rows up. */
export class Sums {
  readonly #rows = new Float64Array(REGIONS.length);
  readonly #amounts = new Float64Array(REGIONS.length);

  add(amount: number, second: number): void {
    const region = regionOf(second);
    this.#rows[region] = (this.#rows[region] as number) + 1;
    this.#amounts[region] = (this.#amounts[region] as number) + amount;
  }

  totals(): Totals {
    return Object.fromEntries(
      REGIONS.map((name, region) => [
        name,
        { rows: this.#rows[region] as number, amount: this.#amounts[region] as number },
      ]),
    );
  }
}
