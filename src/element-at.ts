/**
 * The element of a list that must be there.
 *
 * @throws RangeError where it is not: a bug, which a default in its place would hide
 */
export function elementAt<T>(list: readonly T[], index: number): T {
  if (index < 0 || index >= list.length) {
    throw new RangeError(`there is no element ${index} among ${list.length}`);
  }
  return list[index] as T;
}
