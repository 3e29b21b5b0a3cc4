import { resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseAddress } from "../../src/ipc/address.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { failsWith } from "../support/fails-with.ts";

const test = suite("addresses");
const long = "x".repeat(300);

test("what an address means", () => {
  const cases: [string, object][] = [
    ["ring:frames", { scheme: "ring", text: "ring:frames", name: "frames" }],
    ["frames", { scheme: "ring", text: "ring:frames", name: "frames" }],
    ["ring:_Ab.9-z", { scheme: "ring", text: "ring:_Ab.9-z", name: "_Ab.9-z" }],
    ["memory:a", { scheme: "memory", text: "memory:a", name: "a" }],
    ["pipe:3", { scheme: "pipe", text: "pipe:3", fd: 3 }],
    ["pipe:003", { scheme: "pipe", text: "pipe:3", fd: 3 }],
    ["fifo:/tmp/a", { scheme: "fifo", text: "fifo:/tmp/a", path: "/tmp/a" }],
    ["fifo:/tmp/../tmp//a", { scheme: "fifo", text: "fifo:/tmp/a", path: "/tmp/a" }],
    ["fifo:a b", { scheme: "fifo", text: `fifo:${resolve("a b")}`, path: resolve("a b") }],
    ["file:/tmp/../tmp/a", { scheme: "file", text: "file:/tmp/a", path: "/tmp/a" }],
    ["file:a b", { scheme: "file", text: `file:${resolve("a b")}`, path: resolve("a b") }],
    ["file:///tmp/a", { scheme: "file", text: "file:/tmp/a", path: "/tmp/a" }],
    ["sysv:1", { scheme: "sysv", text: "sysv:0x1", key: 1 }],
    ["sysv:0x4d4c0001", { scheme: "sysv", text: "sysv:0x4d4c0001", key: 0x4d4c0001 }],
    ["sysv:-1", { scheme: "sysv", text: "sysv:0xffffffff", key: 0xffffffff }],
    ["sysv:/tmp#65", { scheme: "sysv", text: "sysv:/tmp#65", key: { path: "/tmp", id: 65 } }],
    ["sysv:/tmp#A", { scheme: "sysv", text: "sysv:/tmp#65", key: { path: "/tmp", id: 65 } }],
    ["unix:/tmp/../tmp/a", { scheme: "unix", text: "unix:/tmp/a", socket: "/tmp/a" }],
    ["unix:@a b/c", { scheme: "unix", text: "unix:@a b/c", socket: "\0a b/c" }],
    ["mq:/frames", { scheme: "mq", text: "mq:/frames", name: "/frames" }],
    ["mq:/.a b", { scheme: "mq", text: "mq:/.a b", name: "/.a b" }],
    ["sysv:/tmp/a#b#1", { scheme: "sysv", text: "sysv:/tmp/a#b#1", key: { path: "/tmp/a#b", id: 1 } }],
  ];
  for (const [address, parsed] of cases) {
    assert.equal(parseAddress(address), parsed, address);
    assert.equal(parseAddress(parseAddress(address).text), parsed, "the canonical form means the same");
  }
});

test("what is no address is refused by every way in, with what would be right", async () => {
  const cases: [unknown, "TypeError" | "RangeError", RegExp][] = [
    [undefined, "TypeError", /An address is a string such as "ring:frames", not undefined/],
    [7, "TypeError", /not number/],
    [null, "TypeError", /not null/],
    ["", "RangeError", /The name "" of a ring: channel is empty: a name is 1 to 200 of the characters A-Z/],
    ["ring:", "RangeError", /is empty/],
    ["ring:a/b", "RangeError", /holds the character "\/"/],
    ["ring:..", "RangeError", /begins with "\."/],
    ["ring:.hidden", "RangeError", /begins with "\."/],
    ["ring:-rf", "RangeError", /begins with "-"/],
    ["ring:a\0b", "RangeError", /holds the character "\\u0000"/],
    ["ring:a b", "RangeError", /holds the character " "/],
    ["ring:ž", "RangeError", /holds the character "ž"/],
    ["ring:😀", "RangeError", /holds the character "😀"/],
    [`ring:${long}`, "RangeError", /"x{60}…" of a ring: channel has 300 characters/],
    ["memory:a/b", "RangeError", /of a memory: channel/],
    ["/tmp/a", "RangeError", /is not an address: for a named pipe write "fifo:\/tmp\/a", for a unix socket "unix:/],
    ["./a", "RangeError", /write "fifo:\.\/a"/],
    [
      "tcp:host",
      "RangeError",
      /unknown scheme "tcp": an address is one of ring:NAME, broadcast:NAME, funnel:NAME, pipe:FD, fifo:\/PATH, file:\/PATH, sysv:KEY/,
    ],
    ["RING:a", "RangeError", /unknown scheme "RING"/],
    ["toString:a", "RangeError", /unknown scheme/],
    [":a", "RangeError", /unknown scheme ""/],
    ["pipe:", "RangeError", /make both ends with Channel\.pipe\(\)/],
    ["pipe:-1", "RangeError", /takes a number from 0 to 2147483647/],
    ["pipe:1.5", "RangeError", /takes a number/],
    ["pipe:2147483648", "RangeError", /takes a number/],
    ["pipe:a", "RangeError", /takes a number/],
    ["fifo:", "RangeError", /The path "" of a fifo: channel is empty/],
    ["fifo:/tmp/", "RangeError", /names a directory/],
    ["fifo:/tmp/..", "RangeError", /names a directory/],
    ["fifo:/a\0b", "RangeError", /holds a NUL character/],
    [`fifo:/tmp/${long}`, "RangeError", /has more than 255 bytes/],
    [`fifo:/tmp${"/abcdefg".repeat(600)}`, "RangeError", /at most 4095 bytes/],
    ["sysv:", "RangeError", /takes a number other than 0 of 32 bits, such as 0x4d4c0001, or PATH#ID/],
    ["sysv:0", "RangeError", /has no key/],
    ["sysv:1.5", "RangeError", /has no key/],
    ["sysv:4294967296", "RangeError", /has no key/],
    ["sysv:-2147483649", "RangeError", /has no key/],
    ["sysv:name", "RangeError", /has no key/],
    ["sysv:/tmp#", "RangeError", /has no project id that ftok takes: write a number from 1 to 255, or one letter/],
    ["sysv:/tmp#0", "RangeError", /project id/],
    ["sysv:/tmp#256", "RangeError", /project id/],
    ["sysv:#1", "RangeError", /is empty/],
  ];
  for (const [address, error, pattern] of cases) {
    const given = address as string;
    await failsWith(error, () => parseAddress(given), pattern);
    await failsWith(error, () => Channel.sender(given), pattern);
    await failsWith(error, () => Channel.receiver(given), pattern);
    await failsWith(error, () => Channel.remove(given), pattern);
  }
});

test.run();
