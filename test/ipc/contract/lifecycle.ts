import * as assert from "uvu/assert";
import type { IpcErrorCode } from "../../../src/errors.ts";
import type { Channel } from "../../../src/ipc/channel.ts";
import { turnEventLoop } from "../../support/event-loop.ts";
import { failsWith } from "../../support/fails-with.ts";
import { bytes, type ContractContext } from "./context.ts";
import type { Need } from "./factory.ts";
import type { Sentence } from "./mod.ts";

interface Operation {
  readonly name: string;
  readonly needs: readonly Need[];
  run(channel: Channel): unknown;
}

const SENDING: readonly Operation[] = [
  { name: "send()", needs: [], run: (channel) => channel.send(bytes(7)) },
  { name: "trySend()", needs: [], run: (channel) => channel.trySend(bytes(7)) },
  { name: "sendSync()", needs: [], run: (channel) => channel.sendSync(bytes(7), { timeout: 20_000 }) },
  { name: "sendMany()", needs: [], run: (channel) => channel.sendMany([bytes(7)]) },
  {
    name: "claim()",
    needs: ["zeroCopy"],
    async run(channel) {
      (await channel.claim(1)).fill(7);
      channel.commit();
    },
  },
  {
    name: "tryClaim()",
    needs: ["zeroCopy"],
    run(channel) {
      if (channel.tryClaim(1)?.fill(7)) channel.commit();
    },
  },
  {
    name: "claimSync()",
    needs: ["zeroCopy"],
    run(channel) {
      channel.claimSync(1, { timeout: 20_000 }).fill(7);
      channel.commit();
    },
  },
];

/** Each gives the next message, or `undefined` at the end. */
const RECEIVING: readonly Operation[] = [
  { name: "receive()", needs: [], run: (channel) => channel.receive() },
  {
    name: "tryReceive()",
    needs: [],
    async run(channel) {
      for (;;) {
        const message = channel.tryReceive();
        if (message !== undefined || channel.ended) return message;
        await turnEventLoop(1);
      }
    },
  },
  { name: "receiveSync()", needs: [], run: (channel) => channel.receiveSync({ timeout: 20_000 }) },
  { name: "batches()", needs: [], run: async (channel) => (await channel.batches({ max: 1 }).next()).value?.[0] },
  { name: "for await", needs: [], run: async (channel) => (await channel[Symbol.asyncIterator]().next()).value },
  {
    name: "peek()",
    needs: ["zeroCopy"],
    async run(channel) {
      const message = (await channel.peek())?.slice();
      if (message !== undefined) channel.release();
      return message;
    },
  },
  {
    name: "peekBatches()",
    needs: ["zeroCopy"],
    async run(channel) {
      const batches = channel.peekBatches({ max: 1 });
      const message = (await batches.next()).value?.[0]?.slice();
      await batches.return?.();
      return message;
    },
  },
  {
    name: "peekSync()",
    needs: ["zeroCopy"],
    run(channel) {
      const message = channel.peekSync({ timeout: 20_000 })?.slice();
      if (message !== undefined) channel.release();
      return message;
    },
  },
];

/** Every operation in every state. */
export function lifecycle(sentence: Sentence): void {
  for (const { name, needs, run } of SENDING) {
    sentence(79, `${name} sends while the channel is open`, ["messages", ...needs], async (context) => {
      const { sender, receiver } = await context.pair();
      await run(sender);
      assert.equal(await receiver.receive(), bytes(7));
      checkQuestions(sender);
    });

    sentence(
      80,
      `${name} while closing, and after close(), is IPC_CLOSED`,
      ["messages", ...needs, "backPressure"],
      async (context) => {
        const { sender, receiver } = await context.smallPair();
        context.fill(sender);
        void sender.send(bytes(1)).catch(() => {});
        const closing = sender.close();
        await failsWith("IPC_CLOSED", () => run(sender), /this end was closed/);
        checkQuestions(sender);
        for (let message = await receiver.receive(); message?.length !== 1; ) message = await receiver.receive();
        await closing;
        await failsWith("IPC_CLOSED", () => run(sender), /this end was closed/);
        checkQuestions(sender);
      },
    );

    sentence(81, `${name} to a receiver that has closed is IPC_CLOSED`, [...needs, "backPressure"], async (context) => {
      const { sender, receiver } = await context.smallPair();
      await run(sender);
      await receiver.close();
      await untilFailure("IPC_CLOSED", () => run(sender));
      await failsWith("IPC_CLOSED", () => run(sender), /receiver/);
      checkQuestions(sender);
    });

    sentence(
      82,
      `${name} to a receiver that was killed fails, when there is no more room at the latest`,
      ["processes", ...needs, "backPressure"],
      async (context) => {
        const { channel, peer } = await context.connectPeer("receiver", ["hang"], context.factory.small);
        await peer.line("open");
        await run(channel);
        await peer.kill();
        await untilFailure(deathOfReceiver(context), () => run(channel));
        checkQuestions(channel);
        await channel.close();
      },
    );
  }

  for (const { name, needs, run } of RECEIVING) {
    sentence(79, `${name} receives while the channel is open`, ["messages", ...needs], async (context) => {
      const { sender, receiver } = await context.pair();
      await sender.send(bytes(7));
      assert.equal(await run(receiver), bytes(7));
      checkQuestions(receiver);
    });

    sentence(80, `${name} after close() is IPC_CLOSED`, [...needs, "backPressure"], async (context) => {
      const { sender, receiver } = await context.pair();
      await sender.send(bytes(7));
      await receiver.close();
      await failsWith("IPC_CLOSED", () => run(receiver), /this end was closed/);
      checkQuestions(receiver);
    });

    sentence(
      83,
      `${name} from a sender that has closed gives what is left, then the end`,
      ["messages", "end", ...needs],
      async (context) => {
        const { sender, receiver } = await context.pair();
        await sender.send(bytes(7));
        await sender.send(bytes(8));
        await sender.close();
        assert.equal(await run(receiver), bytes(7));
        assert.equal(await run(receiver), bytes(8));
        assert.is(await run(receiver), undefined);
        assert.ok(receiver.ended);
        assert.is(await run(receiver), undefined);
        checkQuestions(receiver);
      },
    );

    sentence(
      84,
      `${name} from a sender that was killed gives what is left, then IPC_PEER_GONE once, then the end`,
      ["processes", "peerDeath", ...needs],
      async (context) => {
        const { channel, peer } = await context.connectPeer("sender", ["send:2:82:100", "hang"]);
        await peer.line("done send:2:82:100");
        await peer.kill();
        assert.instance(await run(channel), Uint8Array);
        assert.instance(await run(channel), Uint8Array);
        await failsWith("IPC_PEER_GONE", () => run(channel));
        assert.is(await run(channel), undefined);
        assert.ok(channel.ended);
        checkQuestions(channel);
      },
    );
  }
}

/** What can be asked in every state. */
function checkQuestions(channel: Channel): void {
  assert.type(channel.address, "string");
  assert.type(channel.stats().messages, "number");
  assert.type(channel.closed, "boolean");
  assert.type(channel.ended, "boolean");
  assert.ok([true, false, undefined].includes(channel.peer.alive));
}

function deathOfReceiver({ supports }: ContractContext): IpcErrorCode {
  return (supports.receiverDeath ?? supports.peerDeath) ? "IPC_PEER_GONE" : "IPC_CLOSED";
}

/** Repeats a call until it fails, which it has to once there is no room left. */
async function untilFailure(code: IpcErrorCode, run: () => unknown): Promise<void> {
  await failsWith(code, async () => {
    for (;;) {
      await run();
      await turnEventLoop(1);
    }
  });
}
