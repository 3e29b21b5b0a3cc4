import { suite } from "uvu";
import { Channel } from "../../../src/ipc/channel.ts";
import { deadline } from "../../support/deadline.ts";
import { turnEventLoop } from "../../support/event-loop.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { skip } from "../../support/skip.ts";
import { batches } from "./batches.ts";
import { closing } from "./closing.ts";
import { codecs } from "./codecs.ts";
import { ContractContext } from "./context.ts";
import type { ChannelFactory, Need } from "./factory.ts";
import { lifecycle } from "./lifecycle.ts";
import { messages } from "./messages.ts";
import { misuse } from "./misuse.ts";
import { opening } from "./opening.ts";
import { order } from "./order.ts";
import { processes } from "./processes.ts";
import { streams } from "./streams.ts";
import { synchronous } from "./synchronous.ts";
import { trying } from "./trying.ts";
import { waiting } from "./waiting.ts";
import { zeroCopy } from "./zero-copy.ts";

/** Longer than any sentence takes on a loaded machine. */
const SENTENCE_TIMEOUT = 30_000;

/** At least as many as src/ffi/off-thread keeps for further calls. */
const THREADS_KEPT = 4;

/** What holds where `supports` says nothing. */
const OTHERWISE: { readonly [N in Need]?: boolean } = { backPressure: true, transient: true };

/** States one numbered sentence of docs/channel.md and how it is tested. It is skipped where `supports` lacks one of the needs. */
export type Sentence = (
  number: number,
  text: string,
  needs: readonly Need[],
  handler: (context: ContractContext) => Promise<void>,
) => void;

/** Every theme, in the order of docs/channel.md. */
export const THEMES: readonly ((sentence: Sentence) => void)[] = [
  opening,
  messages,
  trying,
  waiting,
  order,
  synchronous,
  batches,
  streams,
  zeroCopy,
  codecs,
  closing,
  lifecycle,
  misuse,
  processes,
];

/** Runs every sentence of the contract of `Channel`, and checks that nothing stays open. */
export function channelContract(name: string, factory: ChannelFactory): void {
  const test = suite(`${name} keeps the contract`);
  let context: ContractContext;

  test.before(async () => {
    const { sender, receiver } = await factory.makePair({});
    context = new ContractContext(factory, sender);
    await sender.close();
    await receiver.close();
  });

  const sentence: Sentence = (number, text, needs, handler) => {
    const run = deadline<unknown>(SENTENCE_TIMEOUT, async () => {
      const missing = needs.find((need) => !(context.supports[need] ?? OTHERWISE[need]));
      if (missing !== undefined) return skip(`sentence ${number} needs supports.${missing}, which ${name} has not`);
      try {
        await handler(context);
      } finally {
        await context.cleanUp();
      }
    });
    test(`${number}. ${text}`, run);
  };
  for (const theme of THEMES) theme(sentence);

  leakCheck(test, () => openWhatStays(factory));
  test.run();
}

/** Waits and openings of all kinds open what the process keeps for good, threads among it. */
async function openWhatStays(factory: ChannelFactory): Promise<void> {
  const pairs = await Promise.all(Array.from({ length: THREADS_KEPT }, () => factory.makePair({})));
  const waits = pairs.map(({ receiver }) => receiver.receive());
  for (const { sender } of pairs) await sender.send(new Uint8Array(1));
  await Promise.all(waits);
  const address = factory.uniqueAddress?.();
  if (address !== undefined) {
    const opening = Channel.sender(address);
    await turnEventLoop();
    const receiver = await Channel.receiver(address);
    pairs.push({ receiver, sender: await opening });
  }
  for (const { sender, receiver } of pairs) await Promise.all([sender.close(), receiver.close()]);
}
