/**
 * `closing.ts HOW SIGNAL...` opens and closes receivers of signals that come meanwhile, and says when it is done: then it waits to be ended.
 *
 *   storm    1000 times, while somebody sends them all the time; they are listened to, or ignored, otherwise
 *   sent     1000 times, each after a signal to itself
 *   pending  once, with a signal that is still pending when the receiver is closed
 *   listener as sent, while listeners of the runtime's come and go
 */
import { constants } from "node:os";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { getpid, gettid, sigaction, tgkill } from "../../../src/ffi/mod.ts";
import { block, receive, type Signal, send, unblock } from "../../../src/process/signals/mod.ts";
import { signalNumber } from "../../../src/process/signals/signal-names.ts";

const ROUNDS = 1000;
const [how, ...names] = process.argv.slice(2) as [string, ...Signal[]];
// Deno installs handlers of its own for some, soon after its start
const actions = () => ("Deno" in globalThis ? "" : names.map((name) => sigaction(signalNumber(name))).join());

if (how === "storm") await storm();
else if (how === "sent") await sent(() => {});
else if (how === "listener") await listened();
else await pending();

// it ends by a signal, or the test fails
await sleep(60_000);

async function storm(): Promise<void> {
  for (const name of names) {
    if (name in constants.signals) process.on(name as NodeJS.Signals, () => {});
    else sigaction(signalNumber(name), "ignore");
  }
  const before = actions();
  console.log("ready");
  let count = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const receiver = receive(names);
    if (round % 2 === 0) {
      const { value } = await receiver.next();
      if (value !== 7) throw new Error(`The number is ${value}`);
      count++;
    }
    receiver.close();
    // whatever the runtime's handler has to do
    if (round % 10 === 0) await sleep(0);
  }
  if (actions() !== before) throw new Error(`It was ${before}, and is ${actions()}`);
  console.log(`done ${count}`);
}

async function sent(before: (name: Signal, round: number) => void): Promise<void> {
  const actionsBefore = actions();
  for (let round = 0; round < ROUNDS; round++) {
    const name = names[round % names.length] as Signal;
    before(name, round);
    const receiver = receive([name]);
    send(process.pid, name, { value: round });
    receiver.close();
    if (round % 10 === 0) await sleep(0);
  }
  // on Deno a listener stays for a while
  while (names.some((name) => process.listenerCount(name as string) > 0)) await sleep(10);
  console.log(actions() === actionsBefore ? "done" : `It was ${actionsBefore}, and is ${actions()}`);
}

async function pending(): Promise<void> {
  for (const name of names) {
    const before = actions();
    const receiver = receive([name]);
    block([name]);
    tgkill(getpid(), gettid(), signalNumber(name));
    receiver.close();
    unblock([name]);
    if (actions() !== before) throw new Error(`It was ${before}, and is ${actions()}`);
  }
  while (names.some((name) => process.listenerCount(name as string) > 0)) await sleep(10);
  console.log("done");
}

/** The program listens and no longer listens, while the receiver is there, and after a signal that the runtime has not told yet. */
async function listened(): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const name = names[round % names.length] as NodeJS.Signals;
    const listener = () => {};
    if (round % 3 === 0) process.on(name, listener);
    const receiver = receive([name]);
    if (round % 3 === 1) process.on(name, listener);
    send(process.pid, name);
    process.off(name, listener);
    send(process.pid, name);
    await receiver.next();
    receiver.close();
    if (round % 10 === 0) await sleep(0);
  }
  console.log("done");
}
