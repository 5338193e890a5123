import { elementAt } from '../../element-at.ts';
import { AppError } from '../../errors.ts';
import type { SoftWords } from '../../families/family.ts';
import { noiseByChance } from '../../pipeline/soft-prompts.ts';
import { createGenerator, seedFor } from '../../tensor/random.ts';
import { clipWords } from '../../tokenizer/clip-tokenizer.ts';
import { alongSteps } from '../along-steps.ts';
import type { AttackRun, AttackSettings, Attempt, CurveWords } from '../attack.ts';
import {
  attackBoth,
  drawByChance,
  drawWith,
  placedPictures,
  type SoftAttack,
} from '../soft-tokens.ts';
import { embeddingsOf, randomWords, WordSearch } from './word-search.ts';

const curves = {
  scrubbed: { id: 'scrubbed', title: 'The scrubbed model, found words' },
  original: { id: 'original', title: 'The original, found words' },
  random: { id: 'random', title: 'The scrubbed model, words by chance' },
} as const satisfies Readonly<Record<string, CurveWords>>;

/**
 * Looks for words for each of the models, and draws with them on the way; with words by chance too.
 *
 * @throws as `Attack.run`
 */
export async function searchWords(run: AttackRun): Promise<Attempt[]> {
  const { seed } = run.settings;
  return attackBoth(run, async (attack, which) => {
    const words = allowed(await attack.tokens.words(), run.settings);
    const found = await search(attack, words, curves[which]);
    if (which === 'original') return found;
    const byChance = (i: number) =>
      embeddingsOf(words, randomWords(words, createGenerator(seedFor(seed, 'random', i))));
    return [...found, await drawByChance(attack, curves.random, byChance)];
  });
}

/** A model's words but for the concept's own: those that prompts have, and their anchors have not. */
function allowed({ texts, rows }: SoftWords, { prompts, concept }: AttackSettings): SoftWords {
  const own = new Set(clipWords(concept ?? ''));
  for (const { prompt, anchor } of prompts) {
    const others = new Set(clipWords(anchor));
    for (const word of clipWords(prompt)) if (!others.has(word)) own.add(word);
  }
  const kept = texts.flatMap((text, i) => (own.has(text) ? [] : [i]));
  if (kept.length === 0) {
    throw new AppError(
      'model.unsupported',
      'the model’s vocabulary has no words besides the concept’s own to search among. Use another kind of attack.',
    );
  }
  return {
    texts: kept.map((i) => elementAt(texts, i)),
    rows: kept.map((i) => elementAt(rows, i)),
  };
}

async function search(attack: SoftAttack, words: SoftWords, curve: CurveWords): Promise<Attempt[]> {
  const { model, run } = attack;
  const { seed } = run.settings;
  const start = randomWords(words, createGenerator(seedFor(seed, 'prompt')));
  const found = new WordSearch(attack, words, start);
  const pictures = placedPictures(run);
  const { place } = elementAt(pictures, 0);
  return alongSteps(run, curve, {
    draw: async () => ({
      pictures: await drawWith(attack, () => found.embeddings),
      found: [place.before.trim(), found.text, place.behind.trim()].filter(Boolean).join(' '),
    }),
    step: (index) =>
      found.step(
        noiseByChance(model, pictures, seedFor(seed, 'prompt', index)),
        createGenerator(seedFor(seed, 'swaps', index)),
      ),
  });
}
