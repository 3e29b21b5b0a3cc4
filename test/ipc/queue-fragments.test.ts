import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FragmentAssembly } from "../../src/ipc/queue-link/fragment-assembly.ts";
import {
  FRAGMENT_HEADER_BYTES,
  type FragmentHeader,
  readFragmentHeader,
  writeFragmentHeader,
} from "../../src/ipc/queue-link/fragment-format.ts";
import { failsWith } from "../support/fails-with.ts";
import { leakCheck } from "../support/leak-check.ts";

const test = suite("queues: fragments");

function fragment(header: FragmentHeader, ...payload: number[]): Uint8Array {
  const bytes = new Uint8Array(FRAGMENT_HEADER_BYTES + payload.length);
  writeFragmentHeader(new DataView(bytes.buffer), 0, header);
  bytes.set(payload, FRAGMENT_HEADER_BYTES);
  return bytes;
}

const part = (sequence: number, index: number, ...payload: number[]) =>
  fragment({ sequence, index, last: false }, ...payload);
const last = (sequence: number, index: number, ...payload: number[]) =>
  fragment({ sequence, index, last: true }, ...payload);

function assembly(maxMessageBytes = 100): FragmentAssembly {
  return new FragmentAssembly("sysv:0x1", maxMessageBytes);
}

test("a header lies in memory as documented", () => {
  const bytes = fragment({ sequence: 0xfedc_ba98, index: 2, last: true }, 7);
  assert.equal([...bytes], [0x4d, 0x4c, 0x46, 0x52, 0x98, 0xba, 0xdc, 0xfe, 2, 0, 0, 0, 1, 0, 0, 0, 7]);
  assert.equal(readFragmentHeader(bytes), { sequence: 0xfedc_ba98, index: 2, last: true });
});

test("fragments become the message", () => {
  const assembled = assembly();
  assert.is(assembled.add(part(5, 0, 1, 2)), undefined);
  assert.ok(assembled.inMessage);
  assert.is(assembled.add(part(5, 1)), undefined);
  assert.equal(assembled.add(last(5, 2, 3)), new Uint8Array([1, 2, 3]));
  assert.not(assembled.inMessage);
  assert.equal(assembled.add(last(6, 0)), new Uint8Array(0));
});

test("index 0 begins a message and ends one that was given up", () => {
  const assembled = assembly();
  assembled.add(part(0xffff_ffff, 0, 1));
  assert.equal(assembled.add(last(0, 0, 2)), new Uint8Array([2]));
});

test("the rest of a message whose beginning went to another receiver is passed over", () => {
  const assembled = assembly();
  assert.is(assembled.add(part(1, 4, 9)), undefined);
  assert.is(assembled.add(last(1, 5, 9)), undefined);
  assert.equal(assembled.add(last(2, 0, 3)), new Uint8Array([3]));
});

test("what is no fragment is IPC_CORRUPT", async () => {
  const odd = last(1, 0, 1);
  odd[12] = 3;
  const foreign = last(1, 0, 1);
  foreign[0] = 0;
  for (const bytes of [new Uint8Array(0), new Uint8Array(15), new Uint8Array(80), odd, foreign]) {
    const assembled = assembly();
    assembled.add(part(1, 0, 1));
    await failsWith("IPC_CORRUPT", () => assembled.add(bytes), /no fragment\. Open both ends with/);
    assert.not(assembled.inMessage);
  }
});

test("a fragment that is not the next one is IPC_CORRUPT, and the rest of its message is passed over", async () => {
  for (const wrong of [part(1, 2), part(1, 0xffff_ffff), part(2, 1)]) {
    const assembled = assembly();
    assembled.add(part(1, 0, 1));
    await failsWith("IPC_CORRUPT", () => assembled.add(wrong), /fragment 1 of message 1 had to come/);
    assert.is(assembled.add(last(1, 3)), undefined);
    assert.equal(assembled.add(last(3, 0, 3)), new Uint8Array([3]));
  }
  const between = assembly();
  between.add(last(1, 0));
  await failsWith("IPC_CORRUPT", () => between.add(part(2, 1)), /the first of a message had to come/);
});

test("a message that is too long is IPC_TOO_LARGE once, and the one behind it arrives", async () => {
  const assembled = assembly(3);
  assembled.add(part(1, 0, 1, 2));
  await failsWith("IPC_TOO_LARGE", () => assembled.add(part(1, 1, 3, 4)), /maxMessageBytes is 3/);
  assert.is(assembled.add(part(1, 2, 5)), undefined);
  assert.is(assembled.add(last(1, 3, 6)), undefined);
  assert.equal(assembled.add(last(2, 0, 1, 2, 3)), new Uint8Array([1, 2, 3]));
});

leakCheck(test);
test.run();
