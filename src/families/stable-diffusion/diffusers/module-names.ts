/** Parts of a key that name a module: no module lies deeper, whatever a hostile file names. */
const MAX_DEPTH = 7;

/** The modules of a model, as far as the keys of its tensors tell. */
export class ModuleTree {
  private readonly modules = new Set<string>();

  constructor(keys: Iterable<string>) {
    for (const key of keys) {
      for (const module of enclosingModules(key)) this.modules.add(module);
    }
  }

  has(module: string): boolean {
    return this.modules.has(module);
  }

  /** How many there are of `list.0`, `list.1` and so on. */
  count(list: string): number {
    let count = 0;
    while (this.has(`${list}.${count}`)) count++;
    return count;
  }
}

/**
 * New keys for those tensors that lie in one of the modules, by their old keys. What stands after the
 * module's name stays as it is.
 *
 * @param modules new names of modules by the old ones; the innermost decides
 */
export function renameKeys(
  keys: Iterable<string>,
  modules: ReadonlyMap<string, string>,
): Map<string, string> {
  const renamed = new Map<string, string>();
  for (const key of keys) {
    const module = enclosingModules(key).findLast((name) => modules.has(name));
    if (module === undefined) continue;
    renamed.set(key, (modules.get(module) ?? '') + key.slice(module.length));
  }
  return renamed;
}

/** The modules around a tensor, outermost first. */
function enclosingModules(key: string): string[] {
  const parts = key.split('.', MAX_DEPTH + 1);
  const depth = Math.min(parts.length - 1, MAX_DEPTH);
  return Array.from({ length: depth }, (_, i) => parts.slice(0, i + 1).join('.'));
}
