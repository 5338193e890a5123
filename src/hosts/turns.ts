/** Does one thing after another. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  /** Does it once what came before has ended, well or not. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.last.then(work);
    this.last = done.catch(() => undefined);
    return done;
  }
}
