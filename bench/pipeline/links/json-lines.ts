/** Standard streams of Bun's with a line of JSON for each row, as scripts that are joined by a shell have it. */
import { eachLine } from "../each-line.ts";
import type { RowOutput } from "../link.ts";
import { KINDS, kindOf, putRow, REGIONS, ROW_WORDS, regionOf, type Sale } from "../rows.ts";
import { BLOCK_BYTES } from "./row-block.ts";

export async function output(): Promise<RowOutput> {
  const out = Bun.stdout.writer({ highWaterMark: BLOCK_BYTES });
  let text = "";
  const put = ({ region, kind, amount }: Sale) => {
    text += `${JSON.stringify({ region, kind, amount })}\n`;
  };
  const flush = async () => {
    out.write(text);
    text = "";
    await out.flush();
  };
  return {
    get full() {
      return text.length >= BLOCK_BYTES;
    },
    put,
    putWords: (amount, second) =>
      put({ amount, region: REGIONS[regionOf(second)] as string, kind: KINDS[kindOf(second)] as string }),
    flush,
    async end() {
      await flush();
      await out.end();
    },
  };
}

export async function* input(): AsyncIterable<Int32Array> {
  for await (const lines of eachLine(Bun.stdin.stream())) {
    const block = new Int32Array(lines.length * ROW_WORDS);
    for (const [row, line] of lines.entries()) putRow(block, row * ROW_WORDS, JSON.parse(line) as Sale);
    yield block;
  }
}
