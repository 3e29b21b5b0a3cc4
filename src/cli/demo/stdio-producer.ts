import { loadFile } from "./load-file.ts";
import type { Orders } from "./orders.ts";
import type { StartOrder } from "./protocol.ts";
import { START_MESSAGE } from "./start-message.ts";

/**
 * Writes the file to standard output, once for each order, as programs do without millrace. Its reports would be in the way
 * there; only the first one goes out, as a line before the data.
 */
export async function runStdioProducer({ file, chunkBytes }: StartOrder, orders: Orders): Promise<void> {
  // it holds nothing that would have to be closed
  process.stdout.on("error", () => process.exit(1));
  const { content, sha256 } = loadFile(file);
  await orders.report({ report: "loaded", bytes: content.length, sha256 });
  while ((await orders.next()).order === "pass") {
    await write(START_MESSAGE);
    for (let start = 0; start < content.length; start += chunkBytes) {
      await write(content.subarray(start, start + chunkBytes));
    }
  }
}

/** Resolves at once while the stream takes more, else when it does again. */
async function write(bytes: Uint8Array): Promise<void> {
  if (process.stdout.write(bytes)) return;
  await new Promise((resolve) => process.stdout.once("drain", resolve));
}
