import { IpcError } from "../../errors.ts";
import { LIBRARY_NAMES, type NativeFunction, type Signature } from "../library.ts";

type Definitions = Readonly<Record<string, Signature>>;

/**
 * Binds a group of functions as cheaply as can be: all in one go from libc, and only when that fails one by one, from whichever
 * library has it.
 *
 * @param bindFrom binds all of the given functions from one library, or throws
 * @throws {IpcError} `IPC_UNSUPPORTED` when no library has one of them
 */
export function bindGroup<Names extends string>(
  definitions: Readonly<Record<Names, Signature>>,
  bindFrom: (libraryName: string, definitions: Definitions) => Record<string, NativeFunction>,
): Record<Names, NativeFunction> {
  try {
    return bindFrom(LIBRARY_NAMES[0], definitions);
  } catch {
    // one of them is elsewhere, or nowhere
  }
  const bound: Record<string, NativeFunction> = {};
  for (const [name, signature] of Object.entries<Signature>(definitions))
    bound[name] = bindOne(name, signature, bindFrom);
  return bound;
}

function bindOne(
  name: string,
  signature: Signature,
  bindFrom: (libraryName: string, definitions: Definitions) => Record<string, NativeFunction>,
): NativeFunction {
  const causes: unknown[] = [];
  for (const libraryName of LIBRARY_NAMES) {
    try {
      return bindFrom(libraryName, { [name]: signature })[name] as NativeFunction;
    } catch (error) {
      causes.push(error);
    }
  }
  throw new IpcError(
    "IPC_UNSUPPORTED",
    `Cannot bind the C function "${name}": none of ${LIBRARY_NAMES.join(", ")} gives it`,
    {
      cause: new AggregateError(causes),
    },
  );
}
