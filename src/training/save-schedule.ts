/** Unless a job says how often, saving the state takes at most this share of the time, */
const savingShare = 0.05;
/** and saves are at least this far apart. */
const minimumSecondsBetweenSaves = 30;

/** When a run saves its state. */
export class SaveSchedule {
  private readonly saveEvery: number | null;
  private savedAt = performance.now();
  private secondsOfSave = 0;

  /** @param saveEvery outer steps between two saves; null: as often as costs little */
  constructor(saveEvery: number | null) {
    this.saveEvery = saveEvery;
  }

  isDue(step: number): boolean {
    if (this.saveEvery !== null) return step % this.saveEvery === 0;
    const seconds = (performance.now() - this.savedAt) / 1000;
    return seconds >= Math.max(minimumSecondsBetweenSaves, this.secondsOfSave / savingShare);
  }

  /** Saves, and remembers how long it took. */
  async run(save: () => Promise<void>): Promise<void> {
    const started = performance.now();
    await save();
    this.savedAt = performance.now();
    this.secondsOfSave = (this.savedAt - started) / 1000;
  }
}
