import { useSignal } from '@preact/signals';

import { messageOf } from '../state.ts';

/** Something that a button does and that takes time. */
export interface Action {
  readonly isBusy: boolean;
  /** Why it failed the last time. */
  readonly error: string | null;
  readonly run: () => void;
}

/** One run at a time; its failure is kept to be shown. */
export function useAction(work: () => Promise<unknown>): Action {
  const isBusy = useSignal(false);
  const error = useSignal<string | null>(null);
  const run = async () => {
    if (isBusy.value) return;
    isBusy.value = true;
    error.value = null;
    try {
      await work();
    } catch (reason) {
      error.value = messageOf(reason);
    } finally {
      isBusy.value = false;
    }
  };
  return { isBusy: isBusy.value, error: error.value, run: () => void run() };
}
