/** Keeps files for all machines by keys, which are names with `/` made of hashes and ids. */
export interface Store {
  has(key: string): Promise<boolean>;
  /** Keeps a file, whole or not at all; one of that key already is the same. */
  put(key: string, file: string): Promise<void>;
  /**
   * Writes a file's bytes to a file. What there is of it is the beginning, left by an attempt that was cut: a
   * store that can gives the rest.
   *
   * @throws AppError `artifact.missing`
   */
  get(key: string, file: string): Promise<void>;
  /** Deletes those that there are. */
  delete(keys: readonly string[]): Promise<void>;
  /** Deletes all whose keys begin so. */
  deleteAll(prefix: string): Promise<void>;
}
