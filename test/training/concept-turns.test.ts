import { expect, it } from 'vitest';

import { ConceptTurns } from '../../src/training/concept-turns.ts';

const first = (turns: ConceptTurns, count: number) =>
  Array.from({ length: count }, (_, i) => turns.at(i));
const countOf = (all: readonly { readonly concept: number }[], wanted: number) =>
  all.filter(({ concept }) => concept === wanted).length;

it('gives each concept as many rows as the others', () => {
  const all = first(new ConceptTurns(3, true), 9);
  expect(all.map(({ concept }) => concept)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
  expect(all.map(({ turn }) => turn)).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
  expect(all.some(({ isHeld }) => isHeld)).toBe(false);
});

it('holds what is gone with a row of four, and pushes it again when it comes back', () => {
  const turns = new ConceptTurns(3, true);
  turns.hold([1]);
  const all = first(turns, 16);
  expect([0, 1, 2].map((concept) => countOf(all, concept))).toEqual([6, 4, 6]);
  for (const { concept, isHeld } of all) expect(isHeld).toBe(concept === 1);
  expect(all.filter(({ isHeld }) => isHeld).map(({ turn }) => turn)).toEqual([0, 1, 2, 3]);
  turns.hold([]);
  expect(first(turns, 3).map(({ concept }) => concept)).toEqual([0, 1, 2]);
});

it('leaves alone what cannot be held, and holds all where all are gone', () => {
  const turns = new ConceptTurns(3, false);
  turns.hold([0, 2]);
  expect(countOf(first(turns, 6), 1)).toBe(6);
  const gone = new ConceptTurns(2, true);
  gone.hold([0, 1]);
  expect(first(gone, 4)).toEqual([
    ...[0, 1].map((concept) => ({ concept, turn: 0, isHeld: true })),
    ...[0, 1].map((concept) => ({ concept, turn: 1, isHeld: true })),
  ]);
});
