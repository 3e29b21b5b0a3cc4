/**
 * One process of the pipeline: `stage.ts parse|filter|aggregate|all LINK INPUT OUTPUT`. INPUT is the file of lines for the first, and where the
 * rows come from for the others; OUTPUT is where they go. The last one prints `Totals`.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { eachLine } from "./each-line.ts";
import type { RowLink, RowOutput } from "./link.ts";
import { isWanted, putRow, ROW_WORDS, type Sale, Sums } from "./rows.ts";

const PIECE = 2 ** 18;

const [stage, linkName, from = "", to = ""] = process.argv.slice(2);
const link = (await import(new URL(`./links/${linkName}.ts`, import.meta.url).href)) as RowLink;
if (stage === "parse") await parse();
else if (stage === "filter") await filter();
else if (stage === "aggregate") await aggregate();
else if (stage === "all") await all();
else throw new RangeError(`No stage ${stage}`);
process.exit(0);

async function parse(): Promise<void> {
  const output = await link.output(to);
  for await (const lines of eachLine(pieces(from))) {
    for (let at = 0; at < lines.length; ) {
      at = parseInto(output, lines, at);
      if (output.full) await output.flush();
    }
  }
  await output.end();
}

/** Until the output is full. @returns the next line. A function without `await` is compiled better */
function parseInto(output: RowOutput, lines: readonly string[], first: number): number {
  let at = first;
  while (at < lines.length && !output.full) output.put(JSON.parse(lines[at++] as string) as Sale);
  return at;
}

async function filter(): Promise<void> {
  const output = await link.output(to);
  for await (const words of link.input(from)) {
    for (let at = 0; at < words.length; ) {
      at = filterInto(output, words, at);
      if (output.full) await output.flush();
    }
  }
  await output.end();
}

function filterInto(output: RowOutput, words: Int32Array, first: number): number {
  let at = first;
  for (; at < words.length && !output.full; at += ROW_WORDS) {
    const amount = words[at] as number;
    const second = words[at + 1] as number;
    if (isWanted(amount, second)) output.putWords(amount, second);
  }
  return at;
}

async function aggregate(): Promise<void> {
  const sums = new Sums();
  for await (const words of link.input(from)) {
    addTo(sums, words);
  }
  console.log(JSON.stringify(sums.totals()));
}

function addTo(sums: Sums, words: Int32Array): void {
  for (let at = 0; at < words.length; at += ROW_WORDS) sums.add(words[at] as number, words[at + 1] as number);
}

/** The same work without a pipeline. */
async function all(): Promise<void> {
  const sums = new Sums();
  const row = new Int32Array(ROW_WORDS);
  for await (const lines of eachLine(pieces(from))) {
    for (const line of lines) {
      putRow(row, 0, JSON.parse(line) as Sale);
      if (isWanted(row[0] as number, row[1] as number)) sums.add(row[0] as number, row[1] as number);
    }
  }
  console.log(JSON.stringify(sums.totals()));
}

function* pieces(path: string): Iterable<Uint8Array> {
  const file = openSync(path, "r");
  const room = new Uint8Array(PIECE);
  for (let count = readSync(file, room); count > 0; count = readSync(file, room)) yield room.subarray(0, count);
  closeSync(file);
}
