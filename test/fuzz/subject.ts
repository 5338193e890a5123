import { AppError } from '../../src/errors.ts';

/** Something that reads what strangers send. */
export interface Subject {
  readonly name: string;
  /** How many of a hundred inputs are for it. */
  readonly share: number;
  /** @param folder its own, for its files */
  open(folder: string): Promise<Reader> | Reader;
}

/** A good input, which hostile ones are made of. */
export type Seed = Buffer | { readonly head: Buffer; readonly body: Buffer };

export interface Reader {
  /** Of those with a head it mostly stays as it is, so that what follows is read. */
  readonly seeds: readonly Seed[];
  /** How many are read at the same time. Default: one. */
  readonly atOnce?: number;
  /** @returns what came of an input: `taken`, or the code of the refusal. @throws what is a fault of the program */
  read(input: Buffer): Promise<string> | string;
  /** Looks whether it is as it was before. @throws where it is not */
  check?(): Promise<void>;
}

/** `taken`, or the code with which it was refused; any other error is thrown on. */
export async function outcomeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'taken';
  } catch (error) {
    if (error instanceof AppError && error.code !== 'internal.unexpected') return error.code;
    throw error;
  }
}
