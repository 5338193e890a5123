import { forgottenBatches } from '../training/batch-source.ts';

/** The work of making the mask of a run, before its first step; 0 where it has none. */
export function maskWork(
  { saliency, batch }: { readonly saliency: number | null; readonly batch: number },
  { pictures, gradient }: { readonly pictures: number; readonly gradient: number },
): number {
  return saliency === null ? 0 : gradient * forgottenBatches(pictures, batch);
}
