/**
 * Of the steps that a job tells, those after the last that is known: a run that is resumed does again what
 * came after its last save. Those are left out wherever steps are shown, so that a history only grows and
 * page and report show the same; on the CPU they are the same to the last digit.
 *
 * @param known in order, as is `told`
 */
export function newSteps<T extends { readonly step: number }>(
  known: readonly { readonly step: number }[],
  told: readonly T[],
): readonly T[] {
  const last = known.at(-1)?.step ?? 0;
  return told.filter(({ step }) => step > last);
}
