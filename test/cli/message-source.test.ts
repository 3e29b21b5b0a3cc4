import { test } from "uvu";
import * as assert from "uvu/assert";
import { messageSource } from "../../src/cli/message-source.ts";
import { Channel } from "../../src/ipc/channel.ts";
import { deadline } from "../support/deadline.ts";
import { failsWith } from "../support/fails-with.ts";

const LIMIT = 20_000;
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

async function ring() {
  const sender = await Channel.sender("ring:source", { capacity: 1 << 20 });
  return { sender, receiver: await Channel.receiver("ring:source") };
}

/** One that is read in place and one that is not. */
const KINDS = [
  { name: "ring", open: ring },
  { name: "pipe", open: () => Channel.pipe() },
];

for (const { name, open } of KINDS) {
  test(
    `${name}: gives what is there together, up to max messages, and then the end`,
    deadline(LIMIT, async () => {
      const { sender, receiver } = await open();
      const next = messageSource(receiver, true, {});
      for (const text of ["one", "", "three", "four"]) await sender.send(encode(text));
      const first = await next(3);
      assert.equal([decode(first?.bytes), first?.messages], ["one\n\nthree\n", 3]);
      const second = await next(Number.POSITIVE_INFINITY);
      assert.equal([decode(second?.bytes), second?.messages], ["four\n", 1]);
      const third = next(1);
      await sender.send(encode("five"));
      assert.is(decode((await third)?.bytes), "five\n");
      await sender.close();
      assert.is(await next(1), undefined);
      await receiver.close();
    }),
  );

  test(
    `${name}: messages of any length, byte for byte`,
    deadline(LIMIT, async () => {
      const { sender, receiver } = await open();
      const next = messageSource(receiver, false, {});
      const sent = [10, 300_000, 0, 1_500_000, 262_144, 7].map((length) =>
        new Uint8Array(length).map((_, i) => i * 31 + length),
      );
      const sending = sender.sendMany(sent).then(() => sender.close());
      const pieces: Uint8Array[] = [];
      let messages = 0;
      for (let part = await next(2); part !== undefined; part = await next(2)) {
        pieces.push(part.bytes.slice());
        messages += part.messages;
      }
      await sending;
      await receiver.close();
      assert.is(messages, sent.length);
      assert.ok(Buffer.concat(pieces).equals(Buffer.concat(sent)));
    }),
  );

  test(
    `${name}: what a sender that died had sent comes before the error`,
    deadline(LIMIT, async () => {
      const { sender, receiver } = await open();
      const next = messageSource(receiver, false, {});
      await sender.send(encode("last "));
      await sender.send(encode("words"));
      sender.abandon();
      assert.is(decode((await next(10))?.bytes), "last words");
      await failsWith("IPC_PEER_GONE", next(10));
      await receiver.close();
    }),
  );

  test(
    `${name}: a wait ends in time and by a signal`,
    deadline(LIMIT, async () => {
      const { sender, receiver } = await open();
      await failsWith("IPC_TIMEOUT", messageSource(receiver, false, { timeout: 20 })(1));
      await failsWith("IPC_ABORTED", messageSource(receiver, false, { signal: AbortSignal.timeout(20) })(1));
      await sender.close();
      await receiver.close();
    }),
  );
}

test.run();
