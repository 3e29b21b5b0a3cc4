/** Cuts text into lines; gives all that are whole in what has come. */
export async function* eachLine(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncIterable<string[]> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() as string;
    if (lines.length > 0) yield lines;
  }
  if (rest !== "") yield [rest];
}
