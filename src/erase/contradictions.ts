import { AppError } from '../errors.ts';
import { withoutPeople } from '../drawing/tags/tag-words.ts';
import { promptWords } from '../tokenizer/prompt-words.ts';
import { mentions } from './anchors.ts';
import type { EraseJob } from './job.ts';
import { isOfKind, namesOfKinds } from './kinds.ts';
import { listed, quote } from './quote.ts';
import { singular } from './singular.ts';

type Forget = EraseJob['forget'];

/** Two prompts with one key are the same prompt, however they are written. */
function promptKey(prompt: string): string {
  return promptWords(prompt).join(' ');
}

/**
 * Training towards and away from the same prediction at once would only do harm.
 *
 * @throws AppError `prompt.invalid` naming the pair
 */
export function requireNoContradiction(forget: Forget, retain: readonly string[]): void {
  const kept = new Map(retain.map((prompt) => [promptKey(prompt), prompt]));
  const forgotten = new Map(forget.map(({ prompt }) => [promptKey(prompt), prompt]));
  for (const { prompt } of forget) {
    const same = kept.get(promptKey(prompt));
    if (same !== undefined) {
      throw new AppError(
        'prompt.invalid',
        `the prompt ${quote(prompt)} is both to be forgotten and to be retained${writtenAs(same, prompt)}. Take it out of one of the two.`,
      );
    }
  }
  for (const { prompt, anchor } of forget) {
    const steeredTo = forgotten.get(promptKey(anchor));
    if (steeredTo !== undefined) {
      throw new AppError(
        'prompt.invalid',
        steeredTo === prompt || promptKey(steeredTo) === promptKey(prompt)
          ? `the prompt ${quote(prompt)} is to be forgotten, but it is its own anchor${writtenAs(anchor, prompt)}, so nothing would change. Give another anchor.`
          : `the prompt ${quote(prompt)} has the anchor ${quote(anchor)}, which is to be forgotten itself. Give another anchor.`,
      );
    }
  }
}

function writtenAs(other: string, prompt: string): string {
  return other === prompt ? '' : `, where it is written ${quote(other)}`;
}

/** A prompt as it is compared with others. */
interface Said {
  readonly prompt: string;
  /** Its words of meaning, in their order and in the singular. */
  readonly meaning: readonly string[];
  /** The kinds of things that it names. */
  readonly names: readonly string[];
}

/**
 * What comes near a contradiction and may yet be meant, for people; each kind in one sentence.
 *
 * @param concept the words that the person or a preset has for what is forgotten
 */
export function findNearContradictions(
  forget: Forget,
  retain: readonly string[],
  concept?: string,
): string[] {
  const read = reader();
  const forgotten = forget.map(({ prompt }) => read(prompt));
  const concepts = conceptsOf(forgotten, concept === undefined ? null : read(concept));
  const conceptIn = (said: Said, holds: (concept: Concept, said: Said) => boolean) => {
    const found = concepts.find((one) => holds(one, said));
    return found === undefined ? [] : [`${quote(said.prompt)} (${found.meaning.join(' ')})`];
  };
  const kept = retain.map(read);
  const shown = kept.flatMap((said) => conceptIn(said, isShown));
  const related = kept.flatMap((said) =>
    conceptIn(said, (one) => !isShown(one, said) && (isMember(one, said) || isKind(one, said))),
  );
  const anchors = [...new Set(forget.map(({ anchor }) => anchor))].map(read);
  const steered = anchors.flatMap((said) =>
    conceptIn(said, (one) => isShown(one, said) || isMember(one, said)),
  );
  return [
    ...sentence(
      'What is to be kept shows what is to be forgotten',
      shown,
      'Training pulls both ways there: take it out, or say more exactly what to forget.',
    ),
    ...sentence(
      'What is to be kept is of a kind with what is to be forgotten',
      related,
      'The one may suffer with the other, or bring it back.',
    ),
    ...sentence(
      'What forgotten prompts are steered to shows what is to be forgotten',
      steered,
      'Give another anchor.',
    ),
  ];
}

function sentence(what: string, found: readonly string[], advice: string): string[] {
  return found.length === 0 ? [] : [`${what}: ${listed(found)}. ${advice}`];
}

/** Reads prompts; which words have a meaning is found out once for each. */
function reader(): (prompt: string) => Said {
  const known = new Map<string, boolean>();
  const hasMeaning = (word: string) => {
    const has = known.get(word) ?? mentions(word, word);
    known.set(word, has);
    return has;
  };
  return (prompt) => {
    const words = promptWords(prompt);
    const names = namesOfKinds(promptWords(withoutPeople(prompt)).map(singular));
    return { prompt, meaning: words.filter(hasMeaning).map(singular), names };
  };
}

type Concept = Pick<Said, 'meaning'>;

/**
 * What is forgotten: what it is called; what all prompts share, where that can be nothing else (one of
 * them says no more, or it stands behind a preposition: "in the style of Monet"); or else each prompt.
 */
function conceptsOf(forgotten: readonly Said[], named: Said | null): Concept[] {
  if (named && named.meaning.length > 0) return [named];
  const [first, ...others] = forgotten;
  const shared = (first?.meaning ?? []).filter((word) =>
    others.every(({ meaning }) => meaning.includes(word)),
  );
  const isAll = forgotten.some(({ meaning }) => meaning.length === shared.length);
  if (shared.length > 0 && (isAll || forgotten.every((said) => isLedTo(said, shared)))) {
    return [{ meaning: shared }];
  }
  return forgotten.filter(({ meaning }) => meaning.length > 0);
}

const articles = new Set(['a', 'an', 'the']);
const leads = new Set('of by with from in on at like wearing holding'.split(' '));

/** Whether a preposition leads to words in a prompt. */
function isLedTo({ prompt }: Said, [first = '']: readonly string[]): boolean {
  const words = promptWords(prompt).map(singular);
  const before = words.slice(0, words.indexOf(first));
  return leads.has(before.findLast((word) => !articles.has(word)) ?? '');
}

const isShown = (concept: Concept, { meaning }: Said) =>
  concept.meaning.every((word) => meaning.includes(word));

/** "a poodle" for the concept "dog". */
function isMember({ meaning }: Concept, { names }: Said): boolean {
  return names.some((name) => isOfKind(name, meaning.join(' ')));
}

/** "a dog" for the concept "poodle", "a heart" for "red heart". */
function isKind(concept: Concept, { names, meaning }: Said): boolean {
  const own = concept.meaning.join(' ');
  if (names.some((name) => isOfKind(own, name))) return true;
  const head = concept.meaning.at(-1) ?? '';
  return meaning.includes(head) && meaning.every((word) => concept.meaning.includes(word));
}
