/**
 * The other process of the tests of request and reply: `call-peer.ts VERB ADDRESS [COUNT]`, with the codec "json".
 *
 *     serve   answers until it is killed or gets SIGUSR2: `{ echo: VALUE }` with VALUE; `{ hang: true }` never, and says `cancelled CODE`
 *     ask     sends COUNT requests, a hundred at a time, checks the replies and closes
 *     sync    the same one after the other with the thread blocked
 *     hang    sends a request that is never answered, says `asked` and stays
 */
import { once } from "node:events";
import { IpcError } from "../../../src/errors.ts";
import { Requester } from "../../../src/ipc/requester.ts";
import { Responder } from "../../../src/ipc/responder.ts";

const [verb = "", address = "", count = "0"] = process.argv.slice(2);
const IN_FLIGHT = 100;

const VERBS: Record<string, () => Promise<void>> = {
  async serve() {
    const told = once(process, "SIGUSR2");
    const responder = await Responder.serve(
      address,
      (value, { signal }) => {
        const { echo, hang } = value as { echo?: unknown; hang?: boolean };
        if (hang !== true) return echo;
        console.log("hanging");
        return new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            console.log(`cancelled ${signal.reason instanceof IpcError ? signal.reason.code : signal.reason}`);
            reject(signal.reason);
          });
        });
      },
      { codec: "json" },
    );
    console.log("serving");
    await told;
    await responder.close();
    console.log("closed");
  },

  async ask() {
    const requester = await Requester.connect(address, { codec: "json", maxInFlight: IN_FLIGHT });
    await Promise.all(Array.from({ length: Number(count) }, async (_, n) => check(await requester.request(ask(n)), n)));
    await requester.close();
    console.log(`asked ${count}`);
  },

  async sync() {
    const requester = await Requester.connect(address, { codec: "json" });
    for (let n = 0; n < Number(count); n++) check(requester.requestSync(ask(n)), n);
    await requester.close();
    console.log(`asked ${count}`);
  },

  async hang() {
    const requester = await Requester.connect(address, { codec: "json" });
    const reply = requester.request({ hang: true });
    console.log("asked");
    await reply;
  },
};

await VERBS[verb]?.();

/** A request of some length, sometimes of a long one. */
function ask(n: number): unknown {
  return { echo: { n, text: "x".repeat(n % 97 === 0 ? 3000 : n % 50) } };
}

function check(reply: unknown, n: number): void {
  const { echo } = ask(n) as { echo: unknown };
  if (JSON.stringify(reply) === JSON.stringify(echo)) return;
  throw new Error(`Request ${n} got ${JSON.stringify(reply)}`);
}
