/** A run is checked about this often. */
const checksOfRun = 10;

/** Checks of a run, without the one before the first step. */
export function checksIn(steps: number): number {
  return Math.min(steps, checksOfRun);
}

/** Whether a run of so many steps is checked after one of them: before the first and after the last too. */
export function isCheckDue(step: number, steps: number): boolean {
  const interval = Math.max(1, Math.round(steps / checksOfRun));
  return step % interval === 0 || step === steps;
}
