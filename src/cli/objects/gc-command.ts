import { defineCommand } from "../define-command.ts";
import { STATUS } from "../exit-status.ts";
import { printText } from "../print-text.ts";

/** `millrace gc` */
export const gcCommand = defineCommand({
  name: "gc",
  description: "Removes what killed processes left: only what this library made for them, and nobody uses",
  args: {
    "dry-run": { type: "boolean", description: "Only say what would be removed" },
    json: { type: "boolean", description: "Print a JSON object, on one line" },
    debug: { type: "boolean", description: "Show the stack of an error" },
  },
  notes: [],
  async run(args) {
    const dryRun = args["dry-run"] === true;
    const { gc } = await import("../../ipc/listing/gc.ts");
    const { removed, kept } = gc({ dryRun });
    if (args.json === true) {
      await printText(`${JSON.stringify({ dryRun, removed, kept })}\n`);
      return STATUS.ok;
    }
    const verb = dryRun ? "would remove" : "removed";
    const lines = [
      ...removed.map(({ kind, name, pid }) => `${verb} ${kind} ${name} of process ${pid}`),
      ...kept.map(({ object, why }) => `kept ${object.kind} ${object.name} of process ${object.pid}: ${why}`),
    ];
    await printText(lines.length === 0 ? "Nothing is left of killed processes\n" : `${lines.join("\n")}\n`);
    return STATUS.ok;
  },
});
