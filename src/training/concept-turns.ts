import { elementAt } from '../element-at.ts';

/** Of so many rows one is of a concept that is gone: enough for it not to come back. */
const HELD_EVERY = 4;

/** Whose turn a row of pictures to forget is. */
export interface ConceptTurn {
  readonly concept: number;
  /** How many rows it had before, since the same concepts were gone. */
  readonly turn: number;
  /** Whether it is gone, and held where it is. */
  readonly isHeld: boolean;
}

/** Which concept each row of pictures to forget is of: those that are still shown take turns. */
export class ConceptTurns {
  private readonly holds: boolean;
  private pushed: readonly number[];
  private held: readonly number[] = [];

  /** @param holds whether one that is gone can be held; else it is left alone */
  constructor(count: number, holds: boolean) {
    this.holds = holds;
    this.pushed = Array.from({ length: count }, (_, i) => i);
  }

  /** From now on these concepts are gone. */
  hold(gone: readonly number[]): void {
    const all = [...this.pushed, ...this.held].sort((a, b) => a - b);
    this.held = all.filter((concept) => gone.includes(concept));
    this.pushed = all.filter((concept) => !gone.includes(concept));
  }

  /** @param position counts the rows of a role from the start of the run */
  at(position: number): ConceptTurn {
    const { pushed, held, holds } = this;
    const turnOf = (concepts: readonly number[], place: number, isHeld: boolean) => ({
      concept: elementAt(concepts, place % concepts.length),
      turn: Math.floor(place / concepts.length),
      isHeld,
    });
    if (pushed.length === 0) return turnOf(held, position, holds);
    if (held.length === 0 || !holds) return turnOf(pushed, position, false);
    const before = Math.floor(position / HELD_EVERY);
    return position % HELD_EVERY === HELD_EVERY - 1
      ? turnOf(held, before, true)
      : turnOf(pushed, position - before, false);
  }
}
