/** Keys of everything in Redis. In braces: a cluster keeps them together, as scripts need them. */
const prefix = '{erase-concept}';

/** BullMQ's own keys begin so. */
export const bullPrefix = `${prefix}:bull`;

export const keys = {
  /** Hash: the revision of each job by its id. */
  jobs: `${prefix}:jobs`,
  /** Hash: what is kept of a job, see `JobFields`. */
  job: (id: string) => `${prefix}:job:${id}`,
  /** Stream: what happened to a job, entries numbered from 1. */
  events: (id: string) => `${prefix}:events:${id}`,
  /** Set: the names of the queues there are. */
  lanes: `${prefix}:lanes`,
  /** Hash: what each worker tells of itself, by its name. */
  workers: `${prefix}:workers`,
  /** Channel: `state ID` or `growth ID` whenever something happens to a job. */
  changes: `${prefix}:changes`,
  /** Channel: `add` when there is a new job, `cancel ID` for who works on it. */
  orders: `${prefix}:orders`,
  /** String: the token of all pages. */
  token: `${prefix}:token`,
  /** String: that of the servers. */
  version: `${prefix}:version`,
  /** String: who works on a job, in BullMQ's words. */
  lock: (lane: string, id: string) => `${bullPrefix}:${lane}:${id}:lock`,
} as const;

/** Fields of a job's hash; most are JSON. */
export type JobField =
  | 'draft'
  | 'job'
  | 'status'
  /** Its files in the store, by their names. */
  | 'files'
  /** The models and pictures that it needs and that lie in the store. */
  | 'inputs'
  /** The server that made it, to which its results go. */
  | 'server'
  /** Whether they are there. */
  | 'fetched'
  /** The queue it waits in. */
  | 'lane'
  /** Counts those who began to work on it: only the last one may write. */
  | 'fence'
  /** Who that is. */
  | 'owner'
  /** The message with which it is to be cancelled. */
  | 'cancel';
