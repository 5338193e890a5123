import type { Checkpoint } from '../families/checkpoint.ts';
import { guessFromPrompts, joinGuesses } from '../drawing/drawing-guess.ts';
import { guessDrawing } from '../drawing/guess.ts';
import type { PromptStyle } from '../drawing/prompt-style.ts';
import type { RunPlace } from '../families/family.ts';
import { conceptName, deriveAnchors, deriveConcept, mentions } from './anchors.ts';
import { findNearContradictions } from './contradictions.ts';
import { fillTemplate } from './fill-template.ts';
import { parseForgetLine } from './forget-lines.ts';
import { nearestPrompts } from '../pipeline/nearest-prompts.ts';
import { suggestClasses } from './suggest-classes.ts';
import {
  type AskedConcept,
  type FoundPrompts,
  suggestedCounts,
  type Suggestions,
} from './suggestions.ts';
import { findTagPrompts } from './tags/suggest-tags.ts';
import { readVocabulary, type Vocabulary } from './vocabulary.ts';

type Kind = Exclude<keyof Vocabulary, 'far'>;

/** How a word of each kind stands in a prompt of its own. */
const plainPrompts: Readonly<Record<Kind, string>> = {
  styles: 'a painting in the style of {word}',
  things: 'a photo of a {word}',
  names: 'a photo of {word}',
};

/** Further wordings of what is forgotten. */
const wordings: Readonly<Record<Kind, readonly string[]>> = {
  styles: [
    'a painting in the style of {word}',
    'a portrait in the style of {word}',
    'a landscape in the style of {word}',
    'a drawing by {word}',
  ],
  things: [
    'a photo of a {word}',
    'a close-up of a {word}',
    'a painting of a {word}',
    'a drawing of a {word}',
  ],
  names: [
    'a photo of {word}',
    'a portrait of {word}',
    'a painting of {word}',
    'a drawing of {word}',
  ],
};

/**
 * Anchors for forget prompts, and retain prompts: the forget prompts with the concept's nearest
 * neighbours in its place (words of the same kind, by the cosine of what the text encoder makes of
 * them), some anchors, and the farthest of a few everyday prompts. None mentions the concept. The
 * same for the same model and words. Models that are asked in tags have tags suggested (`findTagPrompts`).
 *
 * @param concept the words to take out. Default: as `deriveConcept`
 * @param style how the model is asked. Default: what it, then the prompts tell
 */
export async function suggest(
  checkpoint: Checkpoint,
  {
    forget: lines,
    concept: given,
    style,
  }: {
    forget: readonly string[];
    concept?: string | undefined;
    style?: PromptStyle | undefined;
  },
  settings: RunPlace,
): Promise<Suggestions> {
  const forget = lines.map((line) => parseForgetLine(line).prompt);
  const { asks } = checkpoint.condition;
  if (asks.kind !== 'words') return suggestClasses(asks, forget);
  const guessed = joinGuesses(guessDrawing(checkpoint), guessFromPrompts(forget));
  const asked = { forget, concept: given };
  const found =
    (style ?? guessed.draws.promptStyle) === 'tags'
      ? await findTagPrompts(checkpoint, asked, settings)
      : await findPrompts(checkpoint, asked, settings);
  const { concept, anchors, neighbours, telling, far } = found;
  const retain = [
    ...neighbours,
    ...telling.slice(0, suggestedCounts.anchors),
    ...far.slice(0, suggestedCounts.far),
  ];
  return { concept, anchors, forget: found.forget, retain: [...new Set(retain)] };
}

/**
 * What `suggest` chooses among.
 *
 * @param style how the model is asked
 */
export function findNearAndFar(
  checkpoint: Checkpoint,
  asked: AskedConcept,
  { style, ...place }: { readonly style: PromptStyle } & RunPlace,
): Promise<FoundPrompts> {
  const find = style === 'tags' ? findTagPrompts : findPrompts;
  return find(checkpoint, asked, place);
}

async function findPrompts(
  checkpoint: Checkpoint,
  { forget, concept: given }: AskedConcept,
  settings: RunPlace,
): Promise<FoundPrompts> {
  const concept = given ?? deriveConcept(forget);
  const name = conceptName(concept);
  const anchors = deriveAnchors(forget, { concept: given });
  const templates = forget.flatMap((prompt) => templateOf(prompt, name) ?? []);
  const vocabulary = await readVocabulary(checkpoint);
  const guess = kindOf(templates[0] ?? '{word}', name);
  const kind = vocabulary[guess].length > 0 ? guess : 'things';
  const isOther = (prompt: string) => !mentions(prompt, name);

  const promptOf = (word: string) => fillTemplate(plainPrompts[kind], () => word);
  const words = new Map(vocabulary[kind].filter(isOther).map((word) => [promptOf(word), word]));
  const far = vocabulary.far.filter(isOther);
  const own = promptOf(name);
  const pooled = await checkpoint.condition.pool([own, ...words.keys(), ...far], settings);
  const near = nearestPrompts(own, pooled, {
    among: words.keys(),
    count: suggestedCounts.neighbours,
  });
  const neighbours = near.map((prompt, i) => {
    const template = templates[i % templates.length] ?? plainPrompts[kind];
    return fillTemplate(template, () => words.get(prompt) ?? '');
  });
  const farthest = nearestPrompts(own, pooled, { among: far, count: far.length }).reverse();
  // "a red", of "a red heart", says nothing; "a painting" says a lot where a style is forgotten.
  const telling = [...new Set(anchors)].filter(
    (anchor) => kind === 'styles' || anchor.split(' ').length > 2,
  );
  const forgotten = forget.map((prompt) => ({ prompt, anchor: '' }));
  const isFarEnough = (prompt: string) =>
    isOther(prompt) && findNearContradictions(forgotten, [prompt], given).length === 0;
  const said = new Set(forget.map((prompt) => prompt.toLowerCase()));
  const further = wordings[guess].map((wording) => fillTemplate(wording, () => name));
  return {
    ...{ concept, anchors },
    forget: further.filter((prompt) => !said.has(prompt.toLowerCase())),
    neighbours: neighbours.filter(isFarEnough),
    telling: telling.slice(0, suggestedCounts.anchors).filter(isFarEnough),
    far: farthest.filter(isFarEnough),
  };
}

/** A forget prompt with a gap where the concept's name stands; null where it does not. */
function templateOf(prompt: string, name: string): string | null {
  // Braces of the prompt's own would be taken for gaps.
  const plain = prompt.replace(/[{}]/g, '');
  const start = plain.toLowerCase().indexOf(name.toLowerCase());
  if (start < 0) return null;
  return `${plain.slice(0, start)}{word}${plain.slice(start + name.length)}`;
}

/** Of what kind a concept is, by the words before it. */
function kindOf(template: string, name: string): Kind {
  const before = template.slice(0, template.indexOf('{word}')).trimEnd().toLowerCase();
  if (/(style of|\bby|art by)$/.test(before)) return 'styles';
  const isProper = /^\p{Uppercase_Letter}/u.test(name) && !/\b(an?|the)$/.test(before);
  return isProper ? 'names' : 'things';
}
