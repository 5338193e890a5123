import type { Agenda } from './agenda.ts';

interface Transfer {
  /** At which level it ends. */
  readonly level: number;
  readonly bytes: number;
  readonly then: () => void;
}

/** The way to a store, which all transfers share alike; none is faster than the link of its own machine. */
export class SharedLink {
  /** Of all transfers that have ended. */
  bytes = 0;
  private readonly agenda: Agenda;
  /** Bytes a second, of all together and of one. */
  private readonly rates: { readonly all: number; readonly one: number };
  /** Bytes that a transfer would have moved which began with the simulation. */
  private level = 0;
  private levelTime = 0;
  /** The one that ends next is the first. */
  private readonly transfers: Transfer[] = [];
  private plans = 0;

  constructor(agenda: Agenda, rates: { readonly all: number; readonly one: number }) {
    this.agenda = agenda;
    this.rates = rates;
  }

  move(bytes: number, then: () => void): void {
    this.advance();
    const level = this.level + bytes;
    let at = this.transfers.length;
    while (at > 0 && this.transfers[at - 1]!.level > level) at -= 1;
    this.transfers.splice(at, 0, { level, bytes, then });
    this.plan();
  }

  private get speed(): number {
    return Math.min(this.rates.one, this.rates.all / Math.max(1, this.transfers.length));
  }

  private advance(): void {
    this.level += (this.agenda.now - this.levelTime) * this.speed;
    this.levelTime = this.agenda.now;
  }

  /** Every transfer that begins or ends makes the others slower or faster. */
  private plan(): void {
    const [first] = this.transfers;
    if (!first) return;
    const plan = (this.plans += 1);
    this.agenda.in(Math.max(0, first.level - this.level) / this.speed, () => {
      if (plan !== this.plans) return;
      this.advance();
      this.transfers.shift();
      this.bytes += first.bytes;
      this.plan();
      first.then();
    });
  }
}
