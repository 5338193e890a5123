/** What happens next, and what the time is then. */
export class Agenda {
  /** Seconds since the beginning. */
  now = 0;
  /** A heap: each happens before those at twice its place and the one after. */
  private readonly heap: { readonly time: number; readonly run: () => void }[] = [];

  /** Has something happen after some seconds. */
  in(seconds: number, run: () => void): void {
    const { heap } = this;
    let i = heap.push({ time: this.now + seconds, run }) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.time <= heap[i]!.time) break;
      [heap[parent], heap[i]] = [heap[i]!, heap[parent]!];
      i = parent;
    }
  }

  /** Lets all happen that is to happen until then. */
  runUntil(end: number): void {
    for (let next = this.take(); next && next.time <= end; next = this.take()) {
      this.now = next.time;
      next.run();
    }
    this.now = end;
  }

  private take() {
    const { heap } = this;
    const [first] = heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && heap[child]!.time < heap[least]!.time) least = child;
      }
      if (least === i) return first;
      [heap[least], heap[i]] = [heap[i]!, heap[least]!];
      i = least;
    }
  }
}
