import { test } from "uvu";
import * as assert from "uvu/assert";
import { joinMessages } from "../../src/cli/join-messages.ts";
import { LineSplitter } from "../../src/cli/line-splitter.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function splitAll(chunks: Iterable<Uint8Array>, maxBytes = 1000): string[] {
  const splitter = new LineSplitter(maxBytes);
  const lines: string[] = [];
  for (const chunk of chunks) {
    for (const line of splitter.split(chunk)) lines.push(decode(line));
    chunk.fill(0x21); // the chunk's memory is used again
  }
  const rest = splitter.rest();
  return rest === undefined ? lines : [...lines, decode(rest)];
}

test("lines come out as they went in, however the chunks are cut", () => {
  const text = "one\n\ntwo and more\n\r\n\nthe last";
  const expected = text.split("\n");
  for (let size = 1; size <= text.length; size++) {
    const chunks = [];
    for (let start = 0; start < text.length; start += size) chunks.push(encode(text.slice(start, start + size)));
    assert.equal(splitAll(chunks), expected, `chunks of ${size}`);
  }
});

test("a newline at the end begins no line", () => {
  assert.equal(splitAll([encode("a\n")]), ["a"]);
  assert.equal(splitAll([encode("\n")]), [""]);
  assert.equal(splitAll([]), []);
});

test("a line longer than allowed is refused before it is all there", () => {
  assert.equal(splitAll([encode("12345\n12345")], 5), ["12345", "12345"]);
  assert.throws(() => splitAll([encode("123456\n")], 5), /longer than 5 bytes/);
  assert.throws(() => splitAll([encode("123"), encode("456")], 5), /longer than 5 bytes/);
  assert.throws(() => splitAll([encode("123"), encode("456\n")], 5), /longer than 5 bytes/);
});

test("messages are joined with and without newlines", () => {
  const messages = ["a", "", "bc"].map(encode);
  assert.is(decode(joinMessages(messages, false)), "abc");
  assert.is(decode(joinMessages(messages, true)), "a\n\nbc\n");
  const [single] = messages;
  assert.is(joinMessages([single as Uint8Array], false), single);
});

test.run();
