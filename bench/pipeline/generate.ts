import { closeSync, openSync, writeSync } from "node:fs";
import { isWanted, KINDS, putRow, REGIONS, ROW_WORDS, Sums, type Totals } from "./rows.ts";

const PIECE = 2 ** 20;
const WORDS =
  "mill race wheel water stone grain flour sluice gate pond weir dam paddle shaft gear sack miller stream".split(" ");
const NOTES = 256;

/** What was written. */
export interface Generated {
  readonly rows: number;
  readonly bytes: number;
  /** What the pipeline has to find, added up from the numbers before they were text. */
  readonly totals: Totals;
}

/**
 * Writes lines of JSON, the same for the same seed: `{"id":…,"at":…,"user":"…","region":"…","kind":"…","amount":…,"note":"…"}`.
 *
 * @param bytes how long the file is at least
 */
export function generate(path: string, bytes: number, seed: number): Generated {
  let state = seed || 1;
  const below = (limit: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  const notes = Array.from({ length: NOTES }, () =>
    Array.from({ length: 8 + below(12) }, () => WORDS[below(WORDS.length)]).join(" "),
  );
  const sums = new Sums();
  const row = new Int32Array(ROW_WORDS);
  const file = openSync(path, "w");
  let [rows, written, text] = [0, 0, ""];
  while (written + text.length < bytes) {
    const region = REGIONS[below(REGIONS.length)] as string;
    const kind = KINDS[below(KINDS.length)] as string;
    const amount = below(2000);
    putRow(row, 0, { region, kind, amount });
    if (isWanted(row[0] as number, row[1] as number)) sums.add(amount, row[1] as number);
    text += `{"id":${++rows},"at":${1_767_225_600_000 + rows * 7},"user":"u${below(100_000)}","region":"${region}","kind":"${kind}","amount":${amount},"note":"${notes[below(NOTES)]}"}\n`;
    if (text.length < PIECE) continue;
    written += writeSync(file, Buffer.from(text, "latin1"));
    text = "";
  }
  written += writeSync(file, Buffer.from(text, "latin1"));
  closeSync(file);
  return { rows, bytes: written, totals: sums.totals() };
}
