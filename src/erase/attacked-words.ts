import type { EraseJob } from './job.ts';
import { spread } from './spread.ts';

// Of what a job was made with so much is attacked, and told from: its prompts say the same in turn.
const mostPrompts = 16;
const mostRetained = 48;

/** The forgotten prompts that an attack tries to bring back. */
export const attackedOf = (forget: EraseJob['forget']) =>
  spread(forget, mostPrompts).map(({ item }) => item);

/** The kept prompts that pictures of an attack are told from. */
export const toldFrom = (retain: EraseJob['retain']) =>
  spread(retain, mostRetained).map(({ item }) => item);
