/**
 * Refuses what is no object of options, and an option that there is not: mostly one whose name is misspelt, and that would have no effect.
 *
 * @param what takes the options, such as `SharedMemory.create()`
 * @param types the options there are, and for those that are true or false `"boolean"`
 * @throws {TypeError} not an object, an option that there is not, or one that is not true or false
 */
export function checkOptionNames(what: string, options: object, types: Readonly<Record<string, "boolean" | "">>): void {
  if (options === null || typeof options !== "object") {
    throw new TypeError(`The options of ${what} are ${shown(options)}, but must be an object ${listOf(types)}`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(types, name)) {
      throw new TypeError(`There is no option ${shown(name)} of ${what}: it takes ${listOf(types)}`);
    }
    if (types[name] === "boolean" && typeof value !== "boolean") {
      throw new TypeError(`The option ${name} of ${what} is ${shown(value)}, but must be true or false`);
    }
  }
}

function listOf(types: object): string {
  return `{ ${Object.keys(types).join(", ")} }`;
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
