/**
 * The other process of a test: `peer.ts SIDE ADDRESS OPTIONS STEP...` opens one end, says `open`, and takes the steps one after the other.
 * It says `done STEP` after each, or `error CODE`, and ends then.
 *
 *     send:COUNT:SEED:MOST      sends seeded messages of up to MOST bytes; also try-send, send-sync, send-many
 *     receive:COUNT:SEED:MOST   receives and verifies them; also try-receive, receive-sync, batches
 *     end                       expects the end of the stream
 *     close                     closes the channel
 *     await                     says `awaiting` and waits for SIGUSR2
 *     hang                      stays until it is killed
 *     exit                      ends the process without closing
 */
import { IpcError } from "../../../src/errors.ts";
import { Channel } from "../../../src/ipc/channel.ts";
import { SeededMessages } from "../../support/seeded-messages.ts";

type Seeded = (count: number, seeded: SeededMessages) => unknown;

const [side = "", address = "", options = "{}", ...steps] = process.argv.slice(2);
// standard output is asynchronous on some runtimes; what was said has to be out when the process ends itself
const say = (line: string) => new Promise<void>((resolve) => process.stdout.write(`${line}\n`, () => resolve()));
const channel: Channel = await Channel[side as "sender" | "receiver"](
  address,
  JSON.parse(options) as Record<never, never>,
);

const WITH_MESSAGES: Record<string, Seeded> = {
  async send(count, seeded) {
    for (let i = 0; i < count; i++) await channel.send(seeded.at(i));
  },
  async "try-send"(count, seeded) {
    for (let i = 0; i < count; ) {
      if (channel.trySend(seeded.at(i))) i++;
      else await new Promise((resolve) => setImmediate(resolve));
    }
  },
  "send-sync"(count, seeded) {
    for (let i = 0; i < count; i++) channel.sendSync(seeded.at(i));
  },
  async "send-many"(count, seeded) {
    await channel.sendMany(
      (function* () {
        for (let i = 0; i < count; i++) yield seeded.at(i);
      })(),
    );
  },
  async receive(count, seeded) {
    for (let i = 0; i < count; i++) seeded.verify(i, notEnd(await channel.receive()));
  },
  async "try-receive"(count, seeded) {
    for (let i = 0; i < count; ) {
      const message = channel.tryReceive();
      if (message !== undefined) seeded.verify(i++, message);
      else if (channel.ended) notEnd(undefined);
      else await new Promise((resolve) => setImmediate(resolve));
    }
  },
  "receive-sync"(count, seeded) {
    for (let i = 0; i < count; i++) seeded.verify(i, notEnd(channel.receiveSync()));
  },
  async batches(count, seeded) {
    let received = 0;
    while (received < count) {
      const batch = await channel.batches({ max: count - received }).next();
      for (const message of notEnd(batch.value)) seeded.verify(received++, message);
    }
  },
};

const OTHERS: Record<string, () => unknown> = {
  async end() {
    if ((await channel.receive()) !== undefined) throw new Error("A message came where the end should be");
  },
  close: () => channel.close(),
  async await() {
    const resumed = new Promise((resolve) => process.once("SIGUSR2", resolve));
    // a signal handler alone does not keep every runtime alive
    const alive = setInterval(() => {}, 2 ** 30);
    await say("awaiting");
    await resumed;
    clearInterval(alive);
  },
  hang: () => new Promise(() => setInterval(() => {}, 2 ** 30)),
  exit: () => process.exit(0),
};

await say("open");
for (const step of steps) {
  try {
    await take(step);
  } catch (error) {
    if (!(error instanceof IpcError)) throw error;
    await say(`error ${error.code}`);
    break;
  }
  await say(`done ${step}`);
}

function take(step: string): unknown {
  const [name = "", count, seed, most] = step.split(":");
  const withMessages = WITH_MESSAGES[name];
  if (withMessages !== undefined) return withMessages(Number(count), new SeededMessages(Number(seed), Number(most)));
  const other = OTHERS[name];
  if (other === undefined) throw new Error(`Unknown step "${step}"`);
  return other();
}

function notEnd<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("The stream ended too early");
  return value;
}
