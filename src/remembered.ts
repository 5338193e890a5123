/** An answer is asked for again after this time. */
const GOOD_FOR_MS = 1000;

/** What was asked for lately: many ask at the same time, and often. */
export class Remembered<T> {
  private readonly ask: () => Promise<T>;
  private answer: Promise<T> | null = null;
  /** Infinity while the answer is under way. */
  private goodUntil = 0;

  constructor(ask: () => Promise<T>) {
    this.ask = ask;
  }

  get(): Promise<T> {
    if (this.answer && performance.now() < this.goodUntil) return this.answer;
    const answer = this.ask();
    this.answer = answer;
    this.goodUntil = Infinity;
    const settle = (goodForMs: number) => () => {
      if (this.answer === answer) this.goodUntil = performance.now() + goodForMs;
    };
    answer.then(settle(GOOD_FOR_MS), settle(0));
    return answer;
  }

  forget(): void {
    this.answer = null;
  }
}
