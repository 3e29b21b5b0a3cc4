import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Channel } from "../../src/ipc/channel.ts";
import type { ChannelOptions, Codec } from "../../src/ipc/options.ts";
import { objectDirectory } from "../../src/objects/object-directory.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";

const test = suite("options of a channel");
const ADDRESSES = [
  "ring:options",
  "pipe:0",
  `fifo:${join(tmpdir(), "options")}`,
  "sysv:0x4d4c7fff",
  "mq:/options",
  "unix:@options",
  "memory:options",
];

/** Each option with a right value, and who has a use for it. */
const USES: [ChannelOptions, string[]][] = [
  [{ capacity: 4096 }, ["ring", "pipe", "fifo", "mq", "unix", "memory"]],
  [{ framing: "lines" }, ["pipe", "fifo", "unix"]],
  [{ type: 1 }, ["sysv"]],
  [{ priority: 1 }, ["mq"]],
  [{ fragments: true }, ["sysv", "mq"]],
  [{ mode: 0o600 }, ["ring", "fifo", "sysv", "mq", "unix"]],
  [{ otherUsers: true }, ["unix"]],
  [{ wait: false }, ["fifo"]],
];

test("an option that a kind of channel has no use for is a TypeError that lists those it takes", async () => {
  for (const address of ADDRESSES) {
    const scheme = address.slice(0, address.indexOf(":"));
    for (const [option, uses] of USES) {
      if (uses.includes(scheme)) continue;
      const [name] = Object.keys(option);
      const pattern = new RegExp(`A ${scheme}: channel has no use for the option "${name}": it takes .*codec`);
      await failsWith("TypeError", () => Channel.sender(address, option), pattern);
      await failsWith("TypeError", () => Channel.receiver(address, option), pattern);
    }
  }
});

test("a number outside of its range is a RangeError that names the range, and nothing is made", async () => {
  const before = readdirSync(objectDirectory());
  const cases: [ChannelOptions, RegExp][] = [
    ...[0, -1, 1.5, 2 ** 31, Number.NaN].map((capacity): [ChannelOptions, RegExp] => [
      { capacity },
      new RegExp(`The capacity is ${capacity}, but must be a whole number from 1 to 268435456 \\(bytes\\)`),
    ]),
    [{ mode: 0o1000 }, /The mode is 512, but must be a whole number from 0 to 511/],
    [{ maxMessageBytes: 2 ** 32 }, /The maxMessageBytes is 4294967296/],
    [{ timeout: Number.NaN }, /The timeout is NaN/],
  ];
  for (const [options, pattern] of cases) {
    await failsWith("RangeError", () => Channel.sender("ring:range", options), pattern);
    await failsWith("RangeError", () => Channel.receiver("ring:range", options), pattern);
  }
  await failsWith(
    "TypeError",
    () => Channel.sender("ring:range", { capacity: "1" as unknown as number }),
    /capacity is "1"/,
  );
  await failsWith(
    "TypeError",
    () => Channel.pipe({ framing: "xml" as "raw" }),
    /framing is "xml", but must be "length"/,
  );
  await failsWith("TypeError", () => Channel.pipeForChild("reader" as "receiver"), /must be "sender" or "receiver"/);
  assert.equal(readdirSync(objectDirectory()), before);
});

test("an option that is undefined is one that was not given", async () => {
  const options = { capacity: undefined, type: undefined } as unknown as ChannelOptions;
  const receiver = await Channel.receiver("memory:undefined", options);
  assert.is(receiver.stats().capacityBytes, 1024 * 1024);
  await receiver.close();
});

test("the type of a channel follows from its codec", async () => {
  const dates: Codec<Date> = { encode: () => new Uint8Array(), decode: () => new Date() };
  const bytes: Channel<Uint8Array> = await Channel.receiver("memory:types");
  const text: Channel<string> = await Channel.receiver("memory:types-text", { codec: "text" });
  const json: Channel<unknown> = await Channel.receiver("memory:types-json", { codec: "json" });
  const own: Channel<Date> = await Channel.receiver("memory:types-own", { codec: dates });
  const sender: Channel<string> = await Channel.sender("memory:types-text", { codec: "text", capacity: 100 });
  // @ts-expect-error: bytes are no text
  await failsWith("TypeError", sender.send(new Uint8Array(1)));
  for (const channel of [bytes, text, json, own, sender]) await channel.close();
});

leakCheck(test);
test.run();
