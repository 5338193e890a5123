import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { createTestRandom, rounds } from '../helpers/long.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { fileSubjects } from './file-subjects.ts';
import { makeHostile, pick } from './mutate.ts';
import { serverSubjects } from './server-subjects.ts';
import type { Reader, Subject } from './subject.ts';

// Hostile inputs to all that reads what strangers send: none may crash it, keep it busy or have it write
// elsewhere. `npm run fuzz -- --seed N --minutes 10` goes on for longer (test/fuzz/main.ts).

/** Of all subjects together. */
const inputs = Number(process.env.ERASE_CONCEPT_FUZZ_INPUTS ?? rounds({ few: 300, many: 100_000 }));
/** Of all subjects together; without end where only inputs count. */
const minutes = Number(process.env.ERASE_CONCEPT_FUZZ_MINUTES ?? 'Infinity');
/** What one may take, on a busy machine too. */
const MOST_MS = 60_000;

describe('hostile inputs', () => {
  it.each([...fileSubjects, ...serverSubjects])(
    'of $name are read or refused, none crashes or hangs',
    async (subject) => {
      const root = makeTemporaryFolder();
      const [own, beside] = [path.join(root, 'own'), path.join(root, 'beside')];
      for (const folder of [own, beside]) mkdirSync(folder);
      writeFileSync(path.join(beside, 'x'), 'as it was');
      const reader = await subject.open(own);
      const random = createTestRandom(subject.name);
      const outcomes = await feed(subject, reader, random);
      await reader.check?.();
      console.log(
        `${subject.name}:`,
        Object.fromEntries([...outcomes].sort((a, b) => b[1] - a[1])),
      );
      // The way in is open: not all was turned away at the door.
      expect(outcomes.size).toBeGreaterThan(subject.name === 'captions' ? 0 : 1);
      expect(readdirSync(root).sort()).toEqual(['beside', 'own']);
      expect(readdirSync(own).length).toBeLessThanOrEqual(1);
      expect(readFileSync(path.join(beside, 'x'), 'utf8')).toBe('as it was');
    },
    3_600_000,
  );
});

/** @returns how often what came of it */
async function feed({ name, share }: Subject, reader: Reader, random: () => number) {
  const outcomes = new Map<string, number>();
  const end = performance.now() + (minutes * 60_000 * share) / 100;
  let left = Math.ceil((inputs * share) / 100);
  const feeder = async () => {
    while (left-- > 0 && performance.now() < end) {
      const input = makeHostile(pick(reader.seeds, random), random);
      const outcome = await read(reader, input).catch((cause: unknown) => {
        throw new Error(`an input of ${name}, in base64: ${input.toString('base64')}`, { cause });
      });
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: reader.atOnce ?? 1 }, feeder));
  return outcomes;
}

async function read(reader: Reader, input: Buffer): Promise<string> {
  const started = performance.now();
  const outcome = await reader.read(input);
  const ms = performance.now() - started;
  if (ms > MOST_MS) throw new Error(`it took ${ms} ms`);
  return outcome;
}
