/** An answer is asked for again after this time. */
const GOOD_FOR_MS = 1000;

/** What was asked for lately, a failure too: many ask at the same time, and often. */
export class Remembered<T> {
  private readonly ask: () => Promise<T>;
  private answer: Promise<T> | null = null;
  /** Infinity while the answer is under way. */
  private goodUntil = 0;

  constructor(ask: () => Promise<T>) {
    this.ask = ask;
  }

  get(): Promise<T> {
    if (this.answer && performance.now() <= this.goodUntil) return this.answer;
    const answer = this.ask();
    this.answer = answer;
    this.goodUntil = Infinity;
    const settle = () => {
      if (this.answer === answer) this.goodUntil = performance.now() + GOOD_FOR_MS;
    };
    answer.then(settle, settle);
    return answer;
  }

  forget(): void {
    this.answer = null;
  }
}
