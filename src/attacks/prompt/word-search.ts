import { elementAt } from '../../element-at.ts';
import type { SoftWords } from '../../families/family.ts';
import {
  type NoisedPictures,
  softGradient,
  softLoss,
  type SoftModel,
} from '../../pipeline/soft-prompts.ts';
import type { Generator } from '../../tensor/random.ts';
import { joinRows, splitRows } from '../../tensor/rows.ts';

/** Words that stand in the place of the concept's own; UnlearnDiffAtk takes three to five. */
const wordCount = 4;
/** Swaps whose true loss a step computes: the best of each place by the first-order change, and others near it. */
const trials = 8;
/** How many of the best swaps the others are drawn from. */
const poolSize = 64;

/** One word in the place of another. */
interface Swap {
  readonly place: number;
  /** Among the model's words. */
  readonly word: number;
  /** First-order change of the loss: (e_new − e_old)·∇. */
  readonly change: number;
}

/** Words by chance, by their numbers. */
export function randomWords({ texts }: SoftWords, generator: Generator): number[] {
  return generator.randomIntegers(wordCount, 0, texts.length);
}

/** Their embeddings: float32 [n, C]. */
export function embeddingsOf({ rows }: SoftWords, chosen: readonly number[]): Float32Array {
  return joinRows(chosen.map((word) => elementAt(rows, word)));
}

/**
 * All swaps of one word that lower the loss to first order, the best first.
 *
 * @param gradient of the loss to the embeddings of the chosen words: float32 [n, C]
 */
function promisingSwaps(
  words: SoftWords,
  chosen: readonly number[],
  gradient: Float32Array,
): Swap[] {
  const width = gradient.length / chosen.length;
  const swaps = splitRows(gradient, width).flatMap((slope, place) => {
    const scores = words.rows.map((row) => row.reduce((sum, v, i) => sum + v * (slope[i] ?? 0), 0));
    const now = elementAt(scores, elementAt(chosen, place));
    return scores.map((score, word) => ({ place, word, change: score - now }));
  });
  return swaps.filter(({ change }) => change < 0).sort((a, b) => a.change - b.change);
}

/**
 * Looks for words whose embeddings make a model draw given pictures, one swap a step: candidates by the
 * first-order change of the denoising loss, the best by the loss itself on the same noise, if it is lower (the
 * search of HotFlip, Ebrahimi et al., arXiv 1712.06751, and of Zou et al., arXiv 2307.15043; the loss of
 * UnlearnDiffAtk, Zhang et al., arXiv 2310.11868, Eq. 4).
 */
export class WordSearch {
  /** Numbers of the words that stand in the concept's place now. */
  chosen: readonly number[];
  private readonly soft: SoftModel;
  private readonly words: SoftWords;

  constructor(soft: SoftModel, words: SoftWords, start: readonly number[]) {
    this.soft = soft;
    this.words = words;
    this.chosen = start;
  }

  /** float32 [n, C] */
  get embeddings(): Float32Array {
    return embeddingsOf(this.words, this.chosen);
  }

  get text(): string {
    return this.chosen.map((word) => elementAt(this.words.texts, word)).join(' ');
  }

  /** Tries swaps on noised pictures. @param generator draws which ones, beside the best */
  async step(pictures: NoisedPictures, generator: Generator): Promise<void> {
    const { loss, gradient } = await softGradient(this.soft, this.embeddings, pictures);
    const swaps = promisingSwaps(this.words, this.chosen, gradient);
    let best = { loss, chosen: this.chosen };
    for (const swap of tried(swaps, this.chosen.length, generator)) {
      const chosen = this.chosen.with(swap.place, swap.word);
      const own = await softLoss(this.soft, embeddingsOf(this.words, chosen), pictures);
      if (own < best.loss) best = { loss: own, chosen };
    }
    this.chosen = best.chosen;
  }
}

/** The best swap of each place, and others by chance. */
function tried(swaps: readonly Swap[], places: number, generator: Generator): ReadonlySet<Swap> {
  const firsts = Array.from({ length: places }, (_, i) => swaps.find(({ place }) => place === i));
  const pool = swaps.slice(0, poolSize);
  const others = generator.randomIntegers(trials - places, 0, Math.max(1, pool.length));
  const all = [...firsts, ...others.map((i) => pool[i])];
  return new Set(all.filter((swap) => swap !== undefined));
}
