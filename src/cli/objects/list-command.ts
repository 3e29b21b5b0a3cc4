import { OBJECT_KINDS } from "../../objects/object-kinds.ts";
import { defineCommand } from "../define-command.ts";
import { STATUS } from "../exit-status.ts";
import { printText } from "../print-text.ts";
import { UsageError } from "../usage-error.ts";

/** `millrace list` */
export const listCommand = defineCommand({
  name: "list",
  description:
    "Lists the objects of this machine that outlive the processes that made them, also those of other programs",
  args: {
    kind: { type: "string", valueHint: "KIND,…", description: "Only these kinds" },
    mine: { type: "boolean", description: "Only what this library made for this user" },
    stale: { type: "boolean", description: "Only what gc would remove" },
    json: { type: "boolean", description: "Print a JSON array, on one line" },
    debug: { type: "boolean", description: "Show the stack of an error" },
  },
  notes: [
    { heading: "KINDS", lines: [OBJECT_KINDS.join(" ")] },
    { heading: "EXAMPLES", lines: ["millrace list --mine", "millrace list --kind ring,sysv-shm --json"] },
  ],
  async run(args) {
    const kinds = kindsOf(args.kind);
    const { list } = await import("../../ipc/listing/list.ts");
    const found = list({ kinds }).filter(
      ({ ours, stale }) => (args.mine !== true || ours) && (args.stale !== true || stale),
    );
    if (args.json === true) await printText(`${JSON.stringify(found)}\n`);
    else await printText((await import("./render-objects.ts")).renderObjects(found));
    return STATUS.ok;
  },
});

function kindsOf(text: string | undefined) {
  return text?.split(",").map((name) => {
    const known = OBJECT_KINDS.find((kind) => kind === name.trim());
    if (known === undefined) throw new UsageError(`--kind is "${name}", but must be of ${OBJECT_KINDS.join(", ")}`);
    return known;
  });
}
