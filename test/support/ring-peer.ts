/** The other process of `ring-objects.test.ts`: does one thing on a raw ring link and hangs until it is killed. */
import { open } from "../../src/ipc/adapters/ring.ts";
import { TAKEN } from "../../src/ipc/link.ts";

const [what, name = "", count = "0"] = process.argv.slice(2);
const where = { scheme: "ring", text: `ring:${name}`, name } as const;

if (what === "nothing") process.exit(0);
if (what === "send-then-hang") {
  const link = await open(where, "sender", {});
  for (let i = 0; i < Number(count); i++) {
    if (link.tryWrite(new Uint8Array([i])) !== TAKEN) throw new Error("full");
  }
  console.log("sent");
} else {
  const link = await open(where, "receiver", {});
  for (;;) {
    const message = link.tryPeek?.();
    if (message) {
      console.log(`peeked ${message[0]}`);
      break;
    }
    await link.ready("read", undefined);
  }
}
setInterval(() => {}, 1000);
