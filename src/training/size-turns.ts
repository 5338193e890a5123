import { elementAt } from '../element-at.ts';
import type { LatentSize } from '../families/family.ts';

/** Latents of one size among those that a run trains on. */
export interface SizeShare {
  readonly size: LatentSize;
  /** Of the run's steps; those of all sizes add up to 1. */
  readonly share: number;
}

/** A step's size, and how many steps before it had the same. */
export interface SizeTurn {
  readonly size: LatentSize;
  readonly turn: number;
}

/**
 * Which size each step of a run has: all pictures of a step have one, and at any moment each size has had
 * its share of the steps, to the nearest.
 */
export class SizeTurns {
  private readonly shares: readonly SizeShare[];
  private readonly taken: number[];
  private readonly turns: SizeTurn[] = [];

  /** @param shares at least one */
  constructor(shares: readonly SizeShare[]) {
    this.shares = shares;
    this.taken = shares.map(() => 0);
  }

  /** @param step counts from the start of the run */
  at(step: number): SizeTurn {
    while (this.turns.length <= step) this.turns.push(this.next());
    return elementAt(this.turns, step);
  }

  private next(): SizeTurn {
    const debts = this.shares.map(
      ({ share }, i) => share * (this.turns.length + 1) - elementAt(this.taken, i),
    );
    const chosen = debts.indexOf(Math.max(...debts));
    const turn = elementAt(this.taken, chosen);
    this.taken[chosen] = turn + 1;
    return { size: elementAt(this.shares, chosen).size, turn };
  }
}
