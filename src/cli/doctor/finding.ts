/** One line of what the doctor says. */
export interface Finding {
  /** Which part of the machine it is about. */
  readonly area: string;
  readonly name: string;
  readonly value: string;
  /** `warning`: it works, with less than is usual. `problem`: something of millrace does not work. */
  readonly verdict: "ok" | "warning" | "problem";
  /** What it means, where it is not ok. */
  readonly meaning?: string | undefined;
  /** The command that changes it. */
  readonly remedy?: string | undefined;
}

/** A limit that is read from a file, with the least that is enough. */
export interface Limit {
  readonly name: string;
  readonly file: string;
  /** Which number in the file, from 0. */
  readonly field?: number;
  /** Below this is a warning. */
  readonly least: number;
  readonly meaning: string;
  /** The command that changes it. */
  readonly remedy: string;
}

/** Numbers as people read them, and `unlimited` for those that mean it. */
export function amount(value: number): string {
  return value >= 2 ** 62 || value === Number.POSITIVE_INFINITY ? "unlimited" : String(value);
}
