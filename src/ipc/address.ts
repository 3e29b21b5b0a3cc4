import { resolve } from "node:path";
import { projectId } from "../objects/sysv-key.ts";
import { DEFAULT_SCHEME } from "./recommended.ts";

/** What stands before the colon of an address. */
export type Scheme = ParsedAddress["scheme"];

/** An address taken apart and checked. `text` is its canonical form, which parses to the same address again. */
export type ParsedAddress =
  | RingAddress
  | BroadcastAddress
  | FunnelAddress
  | PipeAddress
  | FifoAddress
  | FileAddress
  | SysvAddress
  | MqAddress
  | UnixAddress
  | MemoryAddress;

/** `ring:NAME` */
export interface RingAddress {
  readonly scheme: "ring";
  readonly text: string;
  readonly name: string;
}

/** `broadcast:NAME` */
export interface BroadcastAddress {
  readonly scheme: "broadcast";
  readonly text: string;
  readonly name: string;
}

/** `funnel:NAME` */
export interface FunnelAddress {
  readonly scheme: "funnel";
  readonly text: string;
  readonly name: string;
}

/** `pipe:FD`, a descriptor that this process inherited or opened */
export interface PipeAddress {
  readonly scheme: "pipe";
  readonly text: string;
  readonly fd: number;
}

/** `fifo:PATH`; a relative path counts from the current directory and is absolute from here on */
export interface FifoAddress {
  readonly scheme: "fifo";
  readonly text: string;
  readonly path: string;
}

/** `file:PATH`; likewise absolute */
export interface FileAddress {
  readonly scheme: "file";
  readonly text: string;
  readonly path: string;
}

/** `sysv:KEY` or `sysv:PATH#ID` */
export interface SysvAddress {
  readonly scheme: "sysv";
  readonly text: string;
  /** The key as an unsigned number, or what `ftok` makes one of. */
  readonly key: number | { readonly path: string; readonly id: number };
}

/** `mq:/NAME` */
export interface MqAddress {
  readonly scheme: "mq";
  readonly text: string;
  /** With its slash. */
  readonly name: string;
}

/** `unix:PATH`, or `unix:@NAME` for an abstract name, which no file stands for; a relative path is absolute from here on */
export interface UnixAddress {
  readonly scheme: "unix";
  readonly text: string;
  /** As system calls take it: an absolute path, or `"\0"` and the abstract name. */
  readonly socket: string;
}

/** `memory:NAME` */
export interface MemoryAddress {
  readonly scheme: "memory";
  readonly text: string;
  readonly name: string;
}

/** The longest name of a `ring:`, a `broadcast:`, a `funnel:` or a `memory:`, in characters. It leaves room for what a temporary file name adds. */
const MAX_NAME_LENGTH = 200;
const MAX_PATH_BYTES = 4095;
const MAX_PATH_PART_BYTES = 255;
/** What a file name takes, less what the name of the presence object adds. */
const MAX_QUEUE_NAME_BYTES = 250;
/** What fits into `sun_path` with the NUL at its end. */
const MAX_SOCKET_PATH_BYTES = 107;
/** The same less the two bytes that the name of a waiting sender adds. */
const MAX_ABSTRACT_NAME_BYTES = 105;

/** One line per scheme: how the part behind the colon is read, and what it looks like in an error message. */
const PARSERS: { readonly [S in Scheme]: Parser<Extract<ParsedAddress, { scheme: S }>> } = {
  ring: { form: "ring:NAME", parse: (rest) => ({ scheme: "ring", text: `ring:${rest}`, name: name("ring", rest) }) },
  broadcast: {
    form: "broadcast:NAME",
    parse: (rest) => ({ scheme: "broadcast", text: `broadcast:${rest}`, name: name("broadcast", rest) }),
  },
  funnel: {
    form: "funnel:NAME",
    parse: (rest) => ({ scheme: "funnel", text: `funnel:${rest}`, name: name("funnel", rest) }),
  },
  pipe: { form: "pipe:FD", parse: parsePipe },
  fifo: { form: "fifo:/PATH", parse: parseFifo },
  file: { form: "file:/PATH", parse: parseFile },
  sysv: { form: "sysv:KEY", parse: parseSysv },
  mq: { form: "mq:/NAME", parse: parseMq },
  unix: { form: "unix:/PATH", parse: parseUnix },
  memory: {
    form: "memory:NAME",
    parse: (rest) => ({ scheme: "memory", text: `memory:${rest}`, name: name("memory", rest) }),
  },
};

interface Parser<Address> {
  readonly form: string;
  parse(rest: string): Address;
}

/** The schemes there are. */
export const SCHEMES = Object.keys(PARSERS) as readonly Scheme[];

/**
 * Takes an address apart. A name without a scheme means `ring:`.
 *
 * @param address such as `"ring:frames"`, `"frames"`, `"fifo:/tmp/frames"`, `"sysv:0x4d4c0001"`
 * @throws {TypeError} when `address` is not a string
 * @throws {RangeError} when it is not an address; the message says what would be one
 */
export function parseAddress(address: string): ParsedAddress {
  if (typeof address !== "string") {
    throw new TypeError(`An address is a string such as "ring:frames", not ${describe(address)}`);
  }
  const colon = address.indexOf(":");
  if (colon === -1) return parseBareName(address);
  const scheme = address.slice(0, colon);
  if (!isScheme(scheme)) throw unknownScheme(address, scheme);
  return PARSERS[scheme].parse(address.slice(colon + 1));
}

/**
 * The same for what only listens or connects on unix sockets.
 *
 * @throws {TypeError | RangeError} when it is not an address, or one of another scheme
 */
export function unixAddress(address: string): UnixAddress {
  const parsed = parseAddress(address);
  if (parsed.scheme === "unix") return parsed;
  throw new RangeError(`${quote(address)} is no unix socket: write "unix:/PATH", or "unix:@NAME" for an abstract name`);
}

function isScheme(text: string): text is Scheme {
  return Object.hasOwn(PARSERS, text);
}

function parseBareName(address: string): ParsedAddress {
  if (address.includes("/")) {
    const [fifo, unix, file] = [quote(`fifo:${address}`), quote(`unix:${address}`), quote(`file:${address}`)];
    throw new RangeError(
      `${quote(address)} is not an address: for a named pipe write ${fifo}, for a unix socket ${unix}, for a ring that stays ${file}`,
    );
  }
  return PARSERS[DEFAULT_SCHEME].parse(address);
}

function unknownScheme(address: string, scheme: string): RangeError {
  const forms = SCHEMES.map((known) => PARSERS[known].form).join(", ");
  return new RangeError(`${quote(address)} has the unknown scheme ${quote(scheme)}: an address is one of ${forms}`);
}

/** A name that is a file name everywhere and needs no quoting in a shell. */
function name(scheme: Scheme, text: string): string {
  const wrong = text === "" ? "is empty" : (wrongLength(text) ?? wrongCharacter(text));
  if (wrong === undefined) return text;
  throw new RangeError(
    `The name ${quote(text)} of a ${scheme}: channel ${wrong}: ` +
      `a name is 1 to ${MAX_NAME_LENGTH} of the characters A-Z a-z 0-9 . _ - and begins with a letter, a digit or _`,
  );
}

function wrongLength(text: string): string | undefined {
  return text.length > MAX_NAME_LENGTH ? `has ${text.length} characters` : undefined;
}

function wrongCharacter(text: string): string | undefined {
  const character = /[^A-Za-z0-9._-]/u.exec(text)?.[0];
  if (character !== undefined) return `holds the character ${JSON.stringify(character)}`;
  return /^[.-]/.test(text) ? `begins with ${quote(text.charAt(0))}` : undefined;
}

function parsePipe(rest: string): PipeAddress {
  if (rest === "") {
    throw new RangeError(
      '"pipe:" names no descriptor: write "pipe:3" for an inherited one, or make both ends with Channel.pipe()',
    );
  }
  const fd = Number(rest);
  if (!/^\d+$/.test(rest) || fd > 0x7fff_ffff) {
    throw new RangeError(
      `${quote(`pipe:${rest}`)} names no descriptor: pipe:FD takes a number from 0 to 2147483647, such as "pipe:3"`,
    );
  }
  return { scheme: "pipe", text: `pipe:${fd}`, fd };
}

function parseFifo(rest: string): FifoAddress {
  const path = checkedPath("fifo:", rest);
  return { scheme: "fifo", text: `fifo:${path}`, path };
}

function parseFile(rest: string): FileAddress {
  const path = checkedPath("file:", rest);
  return { scheme: "file", text: `file:${path}`, path };
}

function parseSysv(rest: string): SysvAddress {
  const hash = rest.lastIndexOf("#");
  if (hash !== -1) {
    const path = checkedPath("sysv:", rest.slice(0, hash));
    const id = projectId(rest.slice(hash + 1));
    if (id === undefined) {
      throw new RangeError(
        `${quote(`sysv:${rest}`)} has no project id that ftok takes: write a number from 1 to 255, or one letter, behind the #`,
      );
    }
    return { scheme: "sysv", text: `sysv:${path}#${id}`, key: { path, id } };
  }
  const key = /^(0x[0-9a-f]+|-?\d+)$/i.test(rest) ? Number(rest) : Number.NaN;
  if (!(key >= -0x8000_0000 && key <= 0xffff_ffff && key !== 0)) {
    throw new RangeError(
      `${quote(`sysv:${rest}`)} has no key of a message queue: sysv: takes a number other than 0 of 32 bits, such as 0x4d4c0001, or PATH#ID`,
    );
  }
  const unsigned = key >>> 0;
  return { scheme: "sysv", text: `sysv:0x${unsigned.toString(16)}`, key: unsigned };
}

function parseMq(rest: string): MqAddress {
  const name = rest.slice(1);
  const { length } = new TextEncoder().encode(name);
  const wrong = !rest.startsWith("/")
    ? "does not begin with a slash"
    : name === "" || name === "." || name === ".."
      ? "is no name"
      : /[/\0]/.test(name)
        ? `holds another ${name.includes("/") ? "slash" : "NUL character"}`
        : length > MAX_QUEUE_NAME_BYTES
          ? `has ${length} bytes`
          : undefined;
  if (wrong === undefined) return { scheme: "mq", text: `mq:${rest}`, name: rest };
  throw new RangeError(
    `The name ${quote(rest)} of an mq: channel ${wrong}: it is a slash and 1 to ${MAX_QUEUE_NAME_BYTES} bytes without slash, such as "mq:/frames"`,
  );
}

function parseUnix(rest: string): UnixAddress {
  if (rest.startsWith("@")) return parseAbstract(rest.slice(1));
  const path = checkedPath("unix:", rest);
  const { length } = new TextEncoder().encode(path);
  if (length > MAX_SOCKET_PATH_BYTES) {
    throw new RangeError(
      `The path ${quote(path)} of a unix: channel has ${length} bytes, but a socket's path has at most ` +
        `${MAX_SOCKET_PATH_BYTES}: use a shorter folder, or an abstract name such as "unix:@frames"`,
    );
  }
  return { scheme: "unix", text: `unix:${path}`, socket: path };
}

function parseAbstract(name: string): UnixAddress {
  const { length } = new TextEncoder().encode(name);
  const wrong =
    name === ""
      ? "is empty"
      : name.includes("\0")
        ? "holds a NUL character"
        : length > MAX_ABSTRACT_NAME_BYTES
          ? `has ${length} bytes`
          : undefined;
  if (wrong === undefined) return { scheme: "unix", text: `unix:@${name}`, socket: `\0${name}` };
  throw new RangeError(
    `The abstract name ${quote(name)} of a unix: channel ${wrong}: such a name is 1 to ${MAX_ABSTRACT_NAME_BYTES} bytes without NUL`,
  );
}

function checkedPath(scheme: string, path: string): string {
  const wrong = wrongPath(path);
  if (wrong !== undefined) throw new RangeError(`The path ${quote(path)} of a ${scheme} channel ${wrong}`);
  const absolute = resolve(path);
  if (new TextEncoder().encode(absolute).length > MAX_PATH_BYTES) {
    throw new RangeError(
      `The path ${quote(path)} of a ${scheme} channel is too long: a path has at most ${MAX_PATH_BYTES} bytes`,
    );
  }
  return absolute;
}

function wrongPath(path: string): string | undefined {
  if (path === "") return 'is empty: write it behind the colon, such as "/tmp/frames"';
  if (path.includes("\0")) return "holds a NUL character, which no path can";
  if (/(^|\/)(\.{0,2})$/.test(path)) return "names a directory: the name of a file has to be at its end";
  const long = path.split("/").find((part) => new TextEncoder().encode(part).length > MAX_PATH_PART_BYTES);
  return long && `has a part that is too long: ${quote(long)} has more than ${MAX_PATH_PART_BYTES} bytes`;
}

/** `text` in double quotes, control characters visible, long text cut. */
function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 60)}…` : text);
}

function describe(value: unknown): string {
  return value === null ? "null" : typeof value;
}
