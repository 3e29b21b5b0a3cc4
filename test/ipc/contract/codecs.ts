import * as assert from "uvu/assert";
import type { Codec } from "../../../src/ipc/options.ts";
import { failsWith } from "../../support/fails-with.ts";
import { drain } from "./context.ts";
import type { Sentence } from "./mod.ts";

const dates: Codec<Date> = {
  encode: (date) => new Uint8Array(new Float64Array([date.getTime()]).buffer),
  decode: (bytes) => new Date(new Float64Array(bytes.slice().buffer)[0] ?? Number.NaN),
};

/** Values instead of bytes. */
export function codecs(sentence: Sentence): void {
  sentence(64, "text comes out as it went in", ["messages"], async (context) => {
    const { sender, receiver } = await context.pairOf<string>({ codec: "text" });
    const texts = ["plain", "žluťoučký kůň", "😀", "\ufeffmarked", "line\nline", "x".repeat(5000)];
    if (context.supports.emptyMessages) texts.push("");
    for (const text of texts) {
      await sender.send(text);
      assert.is(await receiver.receive(), text);
    }
    await failsWith("TypeError", sender.send("\ud800"), /half of a surrogate pair/);
    await failsWith("TypeError", sender.send(7 as unknown as string), /is a string, not number/);
  });

  sentence(65, "JSON values come out as they went in", ["messages"], async (context) => {
    const { sender, receiver } = await context.pairOf<unknown>({ codec: "json" });
    for (const value of [{ id: 1, tags: ["a", null] }, [], 0, null, false, "", "text"]) {
      await sender.send(value);
      assert.equal(await receiver.receive(), value);
    }
    await failsWith("TypeError", sender.send(undefined), /a value that JSON has, not undefined/);
    assert.instance(await sender.send(1n).catch((error) => error), TypeError);
  });

  sentence(66, "what structured clone keeps comes out as it went in", ["messages"], async (context) => {
    const { sender, receiver } = await context.pairOf<unknown>({ codec: "v8" });
    for (const value of [{ at: new Date(5), map: new Map([[1, new Set([2])]]) }, new Float64Array([1.5]), 12n, null]) {
      await sender.send(value);
      assert.equal(await receiver.receive(), value);
    }
    await failsWith("TypeError", sender.send(undefined), /cannot be undefined/);
  });

  sentence(67, "a codec of one's own works in all forms", ["messages", "end"], async (context) => {
    const { sender, receiver } = await context.pairOf<Date>({ codec: dates });
    await sender.send(new Date(1));
    assert.ok(sender.trySend(new Date(2)));
    sender.sendSync(new Date(3));
    await sender.sendMany([new Date(4), new Date(5), new Date(6)]);
    assert.equal(await receiver.receive(), new Date(1));
    assert.equal(receiver.tryReceive(), new Date(2));
    assert.equal(receiver.receiveSync(), new Date(3));
    assert.equal((await receiver.batches({ max: 2 }).next()).value, [new Date(4), new Date(5)]);
    await sender.close();
    assert.equal(await drain(receiver), [new Date(6)]);
  });

  sentence(
    68,
    "bytes that the codec cannot read are IPC_CORRUPT, and the next message comes",
    ["messages"],
    async (context) => {
      const codec: Codec<string> = {
        encode: (text) => new TextEncoder().encode(text),
        decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)),
      };
      const { sender, receiver } = await context.pairOf<string>({ codec });
      for (const text of ["1", "{", "2", "3", "}", "4"]) await sender.send(text);
      assert.is(await receiver.receive(), 1);
      const error = await failsWith("IPC_CORRUPT", receiver.receive(), /Cannot decode message 2 of .*, 1 bytes: /);
      assert.instance(error.cause, SyntaxError);
      // a batch gives what came before the error first
      const iterator = receiver.batches();
      assert.equal((await iterator.next()).value, [2, 3]);
      await failsWith("IPC_CORRUPT", iterator.next(), /message 5/);
      assert.is(await receiver.receive(), 4);
    },
  );

  sentence(69, "a codec that does not do its part is a TypeError", ["messages"], async (context) => {
    const wrong = { encode: (value: unknown) => value, decode: () => undefined } as unknown as Codec<unknown>;
    const { sender, receiver } = await context.pairOf<unknown>({ codec: wrong });
    await failsWith(
      "TypeError",
      sender.send("text"),
      /encode\(\) of the codec returned string, but must return a Uint8Array/,
    );
    await sender.send(new Uint8Array(1));
    await failsWith("TypeError", receiver.receive(), /to undefined, which means the end/);
  });
}
