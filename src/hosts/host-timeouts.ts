/** How long a host is waited for, in ms. */
export interface HostTimeouts {
  /** For whether there is a host at all. */
  readonly pingMs: number;
  /** For an answer that needs no work. */
  readonly quickMs: number;
  /** For loading a model, drawing, and whatever waits for what is drawn already. */
  readonly workMs: number;
  /** For a new file to be listed once the host has looked again. */
  readonly listedMs: number;
  /** For a host to end what it draws, before a model is changed. */
  readonly idleMs: number;
  /** The same before a training. */
  readonly trainingMs: number;
  /** Between two looks at something that is waited for. */
  readonly pollMs: number;
}

/** With a web UI on the same machine or in the same network. */
export const defaultTimeouts: HostTimeouts = {
  pingMs: 2000,
  quickMs: 10_000,
  // Node's fetch gives up by itself after five minutes without an answer.
  workMs: 290_000,
  listedMs: 10_000,
  idleMs: 60_000,
  trainingMs: 60 * 60 * 1000,
  pollMs: 200,
};
