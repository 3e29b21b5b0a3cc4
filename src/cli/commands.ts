import type { Command } from "./define-command.ts";

/** The commands there are. Each is loaded when it is called, so that none pays for the others. */
export const COMMANDS: Readonly<Record<string, { summary: string; load(): Promise<Command> }>> = {
  demo: {
    summary: "move a file between two processes through every transport, and compare",
    load: async () => (await import("./demo/demo-command.ts")).demoCommand,
  },
  send: {
    summary: "standard input, or a file, into a channel",
    load: async () => (await import("./send-command.ts")).sendCommand,
  },
  recv: {
    summary: "a channel to standard output, or into a file",
    load: async () => (await import("./recv-command.ts")).recvCommand,
  },
  list: {
    summary: "the objects of this machine that outlive a process",
    load: async () => (await import("./objects/list-command.ts")).listCommand,
  },
  remove: {
    summary: "removes such objects",
    load: async () => (await import("./objects/remove-command.ts")).removeCommand,
  },
  gc: {
    summary: "removes what killed processes left",
    load: async () => (await import("./objects/gc-command.ts")).gcCommand,
  },
  doctor: {
    summary: "what this machine allows, and how to change it",
    load: async () => (await import("./doctor/doctor-command.ts")).doctorCommand,
  },
};
