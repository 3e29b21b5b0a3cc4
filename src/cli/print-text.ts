import { openOutput } from "./output.ts";

/** Writes to standard output, and waits until it is written. */
export async function printText(text: string): Promise<void> {
  const output = await openOutput(undefined);
  await output.write(new TextEncoder().encode(text));
}
