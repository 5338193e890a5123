import { articleFor } from '../fill-template.ts';
import { isOfKind } from '../kinds.ts';
import { singular } from '../singular.ts';
import { contentWords } from './choose-concept.ts';
import { languages } from './lexicon.ts';
import type { ParsedPrompt, Phrase, PhraseWord } from './phrases.ts';

/** So many things of kept prompts stand in for the concept at most: the first, its neighbours. */
const mostNeighbours = 8;

/** A kept thing and the words around it. */
interface Neighbour {
  readonly frame: string;
  readonly kind: ReturnType<typeof kindOf>;
  readonly words: readonly PhraseWord[];
}

/**
 * Things of kept prompts that can stand where forgotten ones had the concept: "building" of
 * "building, noto style" for "vehicle, noto style".
 */
export class Neighbours {
  private readonly neighbours: readonly Neighbour[];
  private readonly used = new Map<string, number>();

  constructor(kept: readonly ParsedPrompt[]) {
    this.neighbours = kept.flatMap((prompt) => {
      const phrase = subjectOf(prompt);
      if (!phrase) return [];
      const words = namingWords(phrase, prompt);
      return words.length > 0
        ? [{ frame: frameOf(prompt, phrase), kind: kindOf(phrase, prompt), words }]
        : [];
    });
  }

  /**
   * The prompt with a kept thing in the place of its subject, one after the other of those that are
   * kept in the same words; null where none is.
   */
  standIn(prompt: ParsedPrompt): string | null {
    const phrase = subjectOf(prompt);
    if (!phrase || prompt.language !== languages.english) return null;
    const frame = frameOf(prompt, phrase);
    const own = namingWords(phrase, prompt);
    const fitting = distinct(
      this.neighbours.filter(
        ({ frame: around, kind, words }) =>
          around === frame &&
          kind === kindOf(phrase, prompt) &&
          isPlural(words) === isPlural(own) &&
          // A poodle is what is forgotten, where a dog is.
          !isOfKind(nameOf(words), nameOf(own)),
      ),
    ).slice(0, mostNeighbours);
    const turn = this.used.get(frame) ?? 0;
    this.used.set(frame, turn + 1);
    const chosen = fitting[turn % fitting.length];
    if (!chosen) return null;
    return replaceWords(prompt, own, chosen.words);
  }
}

function subjectOf({ segments }: ParsedPrompt): Phrase | undefined {
  return segments.flatMap(({ phrases }) => phrases).find(({ role }) => role === 'subject');
}

/** What names a thing: its noun with what is no colour, size or the like; "Big" is part of "Big Ben". */
const namingWords = (phrase: Phrase, prompt: ParsedPrompt) =>
  contentWords(phrase.words, prompt.language).filter(
    ({ norm, part }) =>
      part === 'head' || isName(phrase, prompt) || !prompt.language.common.has(norm),
  );

/** People stand in for people, "the Big Ben" for "the Eiffel Tower", things for things. */
function kindOf(phrase: Phrase, prompt: ParsedPrompt): 'thing' | 'name' | 'name with the' {
  if (!isName(phrase, prompt)) return 'thing';
  return phrase.words.some(({ norm }) => norm === 'the') ? 'name with the' : 'name';
}

/** Whether it is called by a name: large letters where no sentence begins. */
function isName(phrase: Phrase, { segments, language }: ParsedPrompt): boolean {
  const words = contentWords(phrase.words, language);
  const first = segments[0]?.phrases[0]?.words[0];
  const telling = words.filter((word) => word !== first);
  return telling.length > 0 && telling.every(({ text }) => /^\p{Lu}/u.test(text));
}

/** The words around a thing, for comparison. */
function frameOf(prompt: ParsedPrompt, phrase: Phrase): string {
  const others = prompt.segments.flatMap(({ phrases }) =>
    phrases.filter((other) => other !== phrase),
  );
  const lead = phrase.words.filter(({ part }) => part === 'lead');
  return [lead, ...others.map(({ words }) => words)]
    .map((words) => words.map(({ stem }) => stem).join(' '))
    .join('\n');
}

/** A thing's name as kinds are known by. */
const nameOf = (words: readonly PhraseWord[]) => words.map(({ norm }) => singular(norm)).join(' ');

const isPlural = (words: readonly PhraseWord[]) => {
  const last = words.at(-1);
  return last !== undefined && last.stem !== last.norm;
};

function distinct(neighbours: readonly Neighbour[]): Neighbour[] {
  const byName = new Map(
    neighbours.map((own) => [own.words.map(({ stem }) => stem).join(' '), own]),
  );
  return [...byName.values()];
}

function replaceWords(
  { segments }: ParsedPrompt,
  own: readonly PhraseWord[],
  others: readonly PhraseWord[],
): string {
  const name = others.map(({ glue, text }, i) => (i > 0 ? glue : '') + text).join('');
  const [first] = own;
  const text = segments.map(({ separator, phrases, tail }) => {
    const words = phrases.flatMap((phrase) => phrase.words);
    const written = words.map((word, i) => {
      if (word === first) return word.glue + name;
      if (own.includes(word)) return '';
      const isArticle = /^an?$/.test(word.norm) && words[i + 1] === first;
      return word.glue + (isArticle ? articleFor(name) : word.text);
    });
    return separator + written.join('') + tail;
  });
  return text.join('').trim();
}
