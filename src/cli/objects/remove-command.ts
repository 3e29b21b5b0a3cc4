import { OBJECT_KINDS, type ObjectKind } from "../../objects/object-kinds.ts";
import { defineCommand } from "../define-command.ts";
import { STATUS } from "../exit-status.ts";
import { printText } from "../print-text.ts";
import { UsageError } from "../usage-error.ts";

/** `millrace remove TARGET…` */
export const removeCommand = defineCommand({
  name: "remove",
  description: "Removes objects that nobody uses, whoever made them, as far as the system allows that",
  args: {
    target: {
      type: "positional",
      required: true,
      description: "KIND:NAME, as list shows them; more than one may be given",
    },
    force: { type: "boolean", description: "Also when somebody uses it" },
    debug: { type: "boolean", description: "Show the stack of an error" },
  },
  many: true,
  notes: [
    {
      heading: "KINDS",
      lines: [OBJECT_KINDS.join(" "), "A System V object may be named by its key: sysv-shm:0x4d4c0001"],
    },
    {
      heading: "EXAMPLES",
      lines: ["millrace remove ring:frames sysv-msg:32769", "millrace remove --force posix-shm:/frames"],
    },
  ],
  async run(args) {
    const targets = args._.map(targetOf);
    const { remove } = await import("../../ipc/listing/remove.ts");
    for (const target of targets) {
      const { kind, name } = remove(target, { force: args.force === true });
      await printText(`removed ${kind} ${name}\n`);
    }
    return STATUS.ok;
  },
});

function targetOf(text: string): { kind: ObjectKind; name: string } {
  const colon = text.indexOf(":");
  const kind = OBJECT_KINDS.find((one) => one === text.slice(0, colon));
  const name = text.slice(colon + 1);
  if (colon > 0 && kind !== undefined && name !== "") return { kind, name };
  throw new UsageError(
    `The target is "${text}", but must be KIND:NAME, where KIND is one of ${OBJECT_KINDS.join(", ")}`,
  );
}
