/**
 * The other process of the tests of pipes and FIFOs: `stream-peer.ts VERB ADDRESS FRAMING [COUNT] [SEED]`. It says on standard output how
 * far it is, and on standard error where standard output is the pipe.
 */
import { once } from "node:events";
import { IpcError } from "../../src/errors.ts";
import { Channel } from "../../src/ipc/channel.ts";
import type { Framing } from "../../src/ipc/options.ts";
import { Person, streamMessages } from "./stream-messages.ts";

const [verb = "", address = "", framing = "length", count = "0", seed = "1"] = process.argv.slice(2);
const options = { framing: framing as Framing };
const say = address === "pipe:1" ? console.error : console.log;

const VERBS: Record<string, () => Promise<void>> = {
  /** Sends COUNT messages of SEED and closes. */
  async send() {
    const sender = await Channel.sender(address, options);
    const messages = streamMessages(Number(seed));
    for (let index = 0; index < Number(count); index++) await sender.send(messages.at(index));
    await sender.close();
    say(`sent ${count}`);
  },

  /** Sends them with the thread blocked, and stays there. */
  async "send-and-stay"() {
    const sender = await Channel.sender(address, options);
    const messages = streamMessages(Number(seed));
    for (let index = 0; index < Number(count); index++) sender.sendSync(messages.at(index));
    say(`sent ${count}`);
    await toldToGoOn();
  },

  /** Sends COUNT messages that fit into PIPE_BUF and tell who sent them. */
  async "send-as-person"() {
    const sender = await Channel.sender(address, options);
    const person = new Person(Number(seed), Number(count));
    for (let index = 0; index < person.messages; index++) await sender.send(person.at(index));
    await sender.close();
  },

  /** The same, but closes only when it is told to. */
  async "send-as-person-and-stay"() {
    const sender = await Channel.sender(address, options);
    const person = new Person(Number(seed), Number(count));
    for (let index = 0; index < person.messages; index++) await sender.send(person.at(index));
    const told = toldToGoOn();
    say("sent");
    await told;
    await sender.close();
  },

  /** Sends until there is no room, then one more, which has to wait. */
  async fill() {
    const sender = await Channel.sender(address, options);
    let sent = 0;
    while (sender.trySend(new Uint8Array(1000))) sent++;
    say(`full after ${sent}`);
    if (count === "sync") sender.sendSync(new Uint8Array(1000));
    else await sender.send(new Uint8Array(1000));
    say("sent one more");
    await sender.close();
  },

  /** Sends until that fails. */
  async "send-until-error"() {
    const sender = await Channel.sender(address, options);
    say("sending");
    try {
      for (;;) await sender.send(new Uint8Array(Number(count)));
    } catch (error) {
      say(codeOf(error));
    }
    try {
      sender.trySend(new Uint8Array(1));
    } catch (error) {
      say(`${codeOf(error)} again`);
    }
    await sender.close();
    say("still alive");
  },

  /** Receives up to the end or an error. */
  async receive() {
    const receiver = await Channel.receiver(address, options);
    const messages = streamMessages(Number(seed));
    say("waiting");
    let received = 0;
    try {
      for await (const message of receiver) messages.verify(received++, message);
      say(`received ${received}`);
    } catch (error) {
      say(`received ${received}`);
      say(codeOf(error));
      say(`then ${await receiver.receive()}`);
    }
    await receiver.close();
  },

  /** The same with the thread blocked. */
  async "receive-sync"() {
    const receiver = await Channel.receiver(address, options);
    const messages = streamMessages(Number(seed));
    let received = 0;
    for (let message = receiver.receiveSync(); message !== undefined; message = receiver.receiveSync()) {
      messages.verify(received++, message);
    }
    await receiver.close();
    say(`received ${received}`);
  },

  /** Receives COUNT messages, closes, and lives on until it is told to end. */
  async "receive-some"() {
    const receiver = await Channel.receiver(address, options);
    for (let index = 0; index < Number(count); index++) await receiver.receive();
    await receiver.close();
    const told = toldToGoOn();
    say("closed");
    await told;
  },

  /** Sends a message, closes, and lives on until it is told to end. */
  async "close-and-stay"() {
    const sender = await Channel.sender(address, options);
    await sender.send(new TextEncoder().encode("last words"));
    await sender.close();
    const told = toldToGoOn();
    say("closed");
    await told;
  },

  /** Opens only, and says what it got. */
  async open() {
    try {
      const sender = await Channel.sender(address, options);
      say("open");
      await sender.close();
    } catch (error) {
      say(codeOf(error));
    }
  },

  /** Ends while an opening waits. */
  async "exit-while-opening"() {
    void Channel.sender(address, options);
    const told = toldToGoOn();
    say("waiting");
    await told;
    process.exit(7);
  },
};

await VERBS[verb]?.();

/** Resolves with SIGUSR2, and keeps the process alive until then. */
async function toldToGoOn(): Promise<void> {
  const alive = setInterval(() => {}, 1000);
  await once(process, "SIGUSR2");
  clearInterval(alive);
}

function codeOf(error: unknown): string {
  return error instanceof IpcError ? error.code : String(error);
}
