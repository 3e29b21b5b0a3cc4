import { resolveCodec } from "../../src/ipc/codec.ts";
import type { Codec } from "../../src/mod.ts";
import type { Task } from "./task.ts";

const VALUES = 100;
const SALE = {
  id: 4711,
  at: 1_767_225_600_123,
  user: "u48213",
  region: "eu-west",
  kind: "purchase",
  tags: ["new", "mobile"],
  amount: 1999.5,
};

/** A value into bytes and back. */
export async function codecs(): Promise<Task[]> {
  const values: Record<"text" | "json" | "v8", unknown> = { text: JSON.stringify(SALE), json: SALE, v8: SALE };
  return await Promise.all(
    (["text", "json", "v8"] as const).map(async (name) => {
      const codec: Codec<unknown> = await resolveCodec(name);
      const value = values[name];
      return {
        job: `codec "${name}", encode and decode`,
        times: VALUES,
        run() {
          let last: unknown;
          for (let i = 0; i < VALUES; i++) last = codec.decode(codec.encode(value));
          if (JSON.stringify(last) !== JSON.stringify(value)) throw new Error(`Out came ${JSON.stringify(last)}`);
        },
      };
    }),
  );
}
