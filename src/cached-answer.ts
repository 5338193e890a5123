/** An answer that is good for a while: many ask at the same time, and often. */
export class CachedAnswer<T> {
  private readonly ask: () => Promise<T>;
  private readonly goodForMs: number;
  private answer: Promise<T> | null = null;
  /** Infinity while the answer is under way. */
  private goodUntil = 0;

  /** @param goodForMs an answer is asked for again after this time */
  constructor(ask: () => Promise<T>, goodForMs = 1000) {
    this.ask = ask;
    this.goodForMs = goodForMs;
  }

  get(): Promise<T> {
    if (this.answer && performance.now() < this.goodUntil) return this.answer;
    const answer = this.ask();
    this.answer = answer;
    this.goodUntil = Infinity;
    const settle = (ms: number) => () => {
      if (this.answer === answer) this.goodUntil = performance.now() + ms;
    };
    answer.then(settle(this.goodForMs), settle(0));
    return answer;
  }

  forget(): void {
    this.answer = null;
  }
}
