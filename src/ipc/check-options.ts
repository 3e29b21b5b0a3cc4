import { checkSignal, checkTimeout } from "../wait/wait-options.ts";
import type { Scheme } from "./address.ts";
import { checkCodec } from "./codec.ts";
import type { ChannelOptions } from "./options.ts";

type OptionName = keyof ChannelOptions;

/** What every kind of channel takes. `signal` and `timeout` end the opening where it waits. */
const COMMON: readonly OptionName[] = ["codec", "maxMessageBytes", "signal", "timeout"];

/** What a kind of channel takes besides. */
const OPTIONS_OF: Readonly<Record<Scheme, readonly OptionName[]>> = {
  ring: ["capacity", "mode"],
  broadcast: ["capacity", "from", "lag", "mode"],
  file: ["capacity", "durable", "from", "mode"],
  funnel: ["capacity", "mode"],
  pipe: ["capacity", "framing"],
  fifo: ["capacity", "framing", "mode", "wait"],
  sysv: ["type", "fragments", "mode"],
  mq: ["capacity", "priority", "fragments", "mode"],
  unix: ["capacity", "framing", "mode", "otherUsers"],
  memory: ["capacity"],
};

const FRAMINGS = ["length", "lines", "raw"];
/** The largest a ring can be; a pipe's own limit is lower. */
const MAX_CAPACITY = 2 ** 28;
const MAX_TYPE = 2 ** 31 - 1;
/** As the kernel has it: MQ_PRIO_MAX less 1. */
const MAX_PRIORITY = 32_767;

const CHECKS: { readonly [Name in OptionName]-?: (value: NonNullable<ChannelOptions[Name]>) => void } = {
  capacity: (value) => checkNumber("capacity", value, 1, MAX_CAPACITY, "bytes"),
  framing: (value) => {
    if (!FRAMINGS.includes(value))
      throw new TypeError(`The framing is ${show(value)}, but must be "length", "lines" or "raw"`);
  },
  codec: checkCodec,
  durable: (value) => checkChoice("durable", value, ["none", "close", "each"]),
  from: (value) => checkChoice("from", value, ["oldest", "now"]),
  lag: (value) => checkChoice("lag", value, ["error", "skip"]),
  type: (value) => checkNumber("type", value, -MAX_TYPE, MAX_TYPE, "a message type"),
  priority: (value) => checkNumber("priority", value, 0, MAX_PRIORITY, "a message priority"),
  fragments: (value) => checkBoolean("fragments", value),
  maxMessageBytes: (value) => checkNumber("maxMessageBytes", value, 0, 2 ** 32 - 2, "bytes"),
  mode: (value) => checkNumber("mode", value, 0, 0o777, "permission bits"),
  wait: (value) => checkBoolean("wait", value),
  otherUsers: (value) => checkBoolean("otherUsers", value),
  signal: checkSignal,
  timeout: checkTimeout,
};

/**
 * Checks the options of a channel before anything is opened.
 *
 * @throws {TypeError} when an option is unknown, has no use for this kind of channel or has the wrong type
 * @throws {RangeError} when a number is outside of its range
 */
export function checkOptions(scheme: Scheme, options: ChannelOptions): void {
  if (options === null || typeof options !== "object") {
    throw new TypeError(`The options of a channel are an object, not ${show(options)}`);
  }
  for (const [name, value] of Object.entries(options) as [OptionName, never][]) {
    if (value === undefined) continue;
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined;
    if (check === undefined)
      throw new TypeError(`There is no option ${show(name)}: a ${scheme}: channel takes ${listOf(scheme)}`);
    if (!COMMON.includes(name) && !OPTIONS_OF[scheme].includes(name)) {
      throw new TypeError(`A ${scheme}: channel has no use for the option "${name}": it takes ${listOf(scheme)}`);
    }
    check(value);
  }
}

function listOf(scheme: Scheme): string {
  return [...OPTIONS_OF[scheme], ...COMMON].join(", ");
}

function checkNumber(name: OptionName, value: unknown, least: number, most: number, unit: string): void {
  if (typeof value !== "number") throw new TypeError(`The ${name} is ${show(value)}, but must be a number (${unit})`);
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`The ${name} is ${value}, but must be a whole number from ${least} to ${most} (${unit})`);
}

function checkChoice(name: OptionName, value: unknown, choices: readonly string[]): void {
  if (typeof value === "string" && choices.includes(value)) return;
  throw new TypeError(`The option "${name}" is ${show(value)}, but must be ${choices.map(show).join(" or ")}`);
}

function checkBoolean(name: OptionName, value: unknown): void {
  if (typeof value !== "boolean")
    throw new TypeError(`The option "${name}" is ${show(value)}, but must be true or false`);
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
