/** The longest name of a file on Linux. */
const MAX_BYTES = 255;

/**
 * The name of a POSIX shared memory object in its one canonical form, with a slash at its beginning.
 *
 * @param name `"/frames"` or `"frames"`
 * @throws {TypeError} not a string
 * @throws {RangeError} empty, too long, or with characters that no name holds
 */
export function sharedMemoryName(name: string): string {
  if (typeof name !== "string") {
    throw new TypeError(`The name of shared memory is ${describe(name)}, but must be a string such as "/frames"`);
  }
  const bare = name.startsWith("/") ? name.slice(1) : name;
  const wrong = wrongName(bare);
  if (wrong === undefined) return `/${bare}`;
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 60)}…` : name);
  throw new RangeError(
    `The name ${shown} of shared memory ${wrong}: it is a slash and 1 to ${MAX_BYTES} bytes without another slash, such as "/frames"`,
  );
}

function wrongName(bare: string): string | undefined {
  if (bare === "") return "is empty";
  if (bare === "." || bare === "..") return "is a folder's";
  if (bare.includes("/")) return "holds a slash";
  if (bare.includes("\0")) return "holds a NUL character";
  const { length } = new TextEncoder().encode(bare);
  return length > MAX_BYTES ? `has ${length} bytes` : undefined;
}

function describe(value: unknown): string {
  return value === null ? "null" : `of type ${typeof value}`;
}
