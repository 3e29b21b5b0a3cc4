const DIGITS = 3;

/** A figure to three digits as people write it: `1,240,000`, `36.1`, `0.0021`. */
export function number(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) < 1e-4) return value.toExponential(DIGITS - 1);
  return Number(value.toPrecision(DIGITS)).toLocaleString("en-US", { maximumSignificantDigits: DIGITS });
}

/** Steps of times, so that 2,340,000 ns are written as 2.34 ms. */
const TIMES: readonly [unit: string, ns: number][] = [
  ["s", 1e9],
  ["ms", 1e6],
  ["µs", 1e3],
  ["ns", 1],
];
const NANOSECONDS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };
/** Steps of rates and counts. */
const THOUSANDS: readonly [prefix: string, factor: number][] = [
  ["G", 1e9],
  ["M", 1e6],
  ["k", 1e3],
];

/** A figure with its unit, short enough for a chart: `2.34 ms`, `1.2M rows/s`. */
export function quantity(value: number, unit: string): string {
  const ns = NANOSECONDS[unit];
  if (ns !== undefined) {
    const [name, step] = TIMES.find(([, step]) => value * ns >= step) ?? ["ns", 1];
    return `${number((value * ns) / step)} ${name}`;
  }
  if (value === 1 && unit === "copies") return "1 copy";
  const [prefix, factor] = THOUSANDS.find(([, factor]) => value >= factor && unit !== "MiB") ?? ["", 1];
  return `${number(value / factor)}${prefix} ${unit}`;
}
