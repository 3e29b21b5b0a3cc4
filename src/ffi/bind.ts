import type { NativeFunction, Signature } from "./library.ts";
import { recommendedLibrary } from "./recommended.ts";

/**
 * Binds a group of C functions at its first use, so that importing a call group costs nothing.
 *
 * @param definitions the C prototypes by name
 * @returns a function that gives the bound functions, the same object at every call
 */
export function lazyBind<Names extends string>(
  definitions: Readonly<Record<Names, Signature>>,
): () => Record<Names, NativeFunction> {
  let bound: Record<Names, NativeFunction> | undefined;
  return () => {
    bound ??= recommendedLibrary().bind(definitions);
    return bound;
  };
}
