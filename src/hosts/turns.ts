/** Does one thing after another. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  /**
   * Does it once what came before has ended, well or not.
   *
   * @param signal gives the turn up while it has not come
   * @throws the signal's reason
   */
  take<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const giveUp = () => {
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.last = this.last.then(async () => {
        signal?.removeEventListener('abort', giveUp);
        if (signal?.aborted) return;
        const done = Promise.resolve().then(work);
        resolve(done);
        await done.catch(() => undefined);
      });
    });
  }
}
