import { articleFor } from '../fill-template.ts';
import { type Language, languages } from './lexicon.ts';
import { contentWords } from './choose-concept.ts';
import type { ParsedPrompt, Phrase, PhraseWord, Segment } from './phrases.ts';

/** Where something is seen, and what stays a part of the picture: "on a white background". */
const partOfPicture = new Set(
  'background foreground corner edge margin top bottom left right side front middle center centre light'.split(
    ' ',
  ),
);

/**
 * A prompt without some of its words, as one would write it: with the articles that fit, without
 * prepositions that lead nowhere.
 *
 * @returns an empty text where nothing sensible is left
 */
export function writeAnchor(prompt: ParsedPrompt, taken: ReadonlySet<PhraseWord>): string {
  const segments = prompt.segments.flatMap((segment) => {
    const text = writeSegment(segment, prompt, taken);
    return text === '' ? [] : [{ separator: segment.separator, text }];
  });
  const isLeft = prompt.segments.some(({ phrases }) =>
    phrases.some((phrase) => phrase.role !== 'quality' && isMeant(phrase, prompt, taken)),
  );
  if (!isLeft) return '';
  const text = segments
    .map(({ separator, text: own }, i) => (i > 0 ? separator : '') + own)
    .join('');
  return tidy(text);
}

function isMeant(
  phrase: Phrase,
  { language }: ParsedPrompt,
  taken: ReadonlySet<PhraseWord>,
): boolean {
  const words = contentWords(phrase.words, language).filter((word) => !taken.has(word));
  return words.some(({ norm }) => !language.common.has(norm));
}

interface Written {
  readonly phrase: Phrase;
  readonly words: readonly PhraseWord[];
}

function writeSegment(
  segment: Segment,
  prompt: ParsedPrompt,
  taken: ReadonlySet<PhraseWord>,
): string {
  // What a web UI reads and no model sees, as `<lora:name:1>`.
  if (segment.phrases.length === 0) return segment.tail;
  const rest = new Rest(prompt, taken);
  for (const phrase of segment.phrases) rest.take(phrase);
  if (rest.written.length === 0) return '';
  const words = joinPhrases(rest, segment.phrases[0], prompt.language);
  const text = words.map(
    ({ glue, text: word }, i) => (i > 0 ? spaced(glue, prompt) : openingOf(glue)) + word,
  );
  return text.join('') + segment.tail;
}

const isNoun = ({ role }: Phrase) => role === 'subject' || role === 'medium';

/** What is left of a segment, phrase by phrase. */
class Rest {
  readonly written: Written[] = [];
  /** The thing that what follows speaks of, while it is gone. */
  gone: Phrase | null = null;
  private readonly prompt: ParsedPrompt;
  private readonly taken: ReadonlySet<PhraseWord>;
  private article: PhraseWord | undefined;
  private isAttributeGone = false;

  constructor(prompt: ParsedPrompt, taken: ReadonlySet<PhraseWord>) {
    this.prompt = prompt;
    this.taken = taken;
  }

  take(phrase: Phrase): void {
    const isGone = this.isGone(phrase);
    this.isAttributeGone = isGone && phrase.role === 'attribute';
    if (isGone) {
      if (isNoun(phrase)) this.gone = phrase;
      this.article = phrase.words.find(({ part }) => part === 'article');
      return;
    }
    if (isNoun(phrase)) this.gone = null;
    if (this.gone && !this.canDoWithout(phrase, this.gone)) return;
    const words = phrase.words.filter((word) => !this.taken.has(word));
    // "a Ghibli style house", "一个裸体的男人": the article is the noun's.
    const isBare = words.every(({ part }) => part !== 'lead' && part !== 'article');
    const article = isBare && isNoun(phrase) ? this.article : undefined;
    this.written.push({ phrase, words: article ? [article, ...words] : words });
    this.article = undefined;
  }

  private isGone(phrase: Phrase): boolean {
    const head = phrase.words.findLast(({ part }) => part === 'head');
    if (head && this.taken.has(head)) return true;
    // "with blood on his hands": what is somebody's goes with what was there.
    if (this.isAttributeGone && phrase.role === 'place' && phrase.words.some(isPossessive)) {
      return true;
    }
    const isTouched = phrase.words.some((word) => this.taken.has(word));
    return isTouched && !isMeant(phrase, this.prompt, this.taken);
  }

  /** Whether a phrase says something without what it speaks of; "a person" stands in for a name. */
  private canDoWithout(phrase: Phrase, gone: Phrase): boolean {
    if (phrase.role === 'place') return isSeen(phrase);
    if (phrase.role !== 'attribute') return true;
    if (this.prompt.language !== languages.english || !isProperName(gone)) return false;
    const leads = gone.words.filter(({ part }) => part === 'lead');
    this.written.push({ phrase: gone, words: [...leads, person] });
    this.gone = null;
    return true;
  }
}

const person: PhraseWord = {
  text: 'a person',
  norm: 'person',
  stem: 'person',
  glue: ' ',
  part: 'head',
};

const isSeen = ({ words: [lead] }: Phrase) =>
  !/^(from|to|towards|for|during|against|by)$/.test(lead?.norm ?? '');

const isPossessive = ({ norm }: PhraseWord) => /^(his|her|their|its|my|your)$/.test(norm);

const isProperName = ({ words }: Phrase) =>
  words
    .filter(({ part }) => part === 'head' || part === 'modifier')
    .every(({ text }) => /^\p{Uppercase_Letter}/u.test(text)) &&
  !words.some(({ part }) => part === 'article');

/** Words of a segment's remaining phrases in their order, with leads that fit where they stand now. */
function joinPhrases(
  { written, gone }: Rest,
  opening: Phrase | undefined,
  language: Language,
): PhraseWord[] {
  const isLead = ({ part }: PhraseWord) => part === 'lead';
  if (language === languages.eastAsian) {
    const words = written.flatMap((own) => own.words);
    return words.slice(0, words.findLastIndex((word) => !isLead(word)) + 1);
  }
  return written.flatMap(({ phrase, words }, i) => {
    const fitted = language === languages.english ? fitArticles(words) : [...words];
    const own = fitted.filter((word) => !isLead(word));
    if (i > 0) {
      const isPlaceOnly = gone !== null && written[i - 1]?.phrase.role === 'medium';
      return isPlaceOnly && language === languages.english && isView(phrase)
        ? [of, ...own]
        : fitted;
    }
    if (phrase === opening) return fitted;
    if (phrase.role !== 'style') return own;
    const hasLead = own.length < fitted.length;
    return hasLead && language === languages.english ? [painting, ...fitted] : fitted;
  });
}

/** "a photo of a car in a street": "a photo of a street". */
const isView = ({ role, words }: Phrase) =>
  role === 'place' && !words.some(({ norm }) => partOfPicture.has(norm));

const of: PhraseWord = { text: 'of', norm: 'of', stem: 'of', glue: ' ', part: 'lead' };
const painting: PhraseWord = {
  text: 'a painting',
  norm: 'painting',
  stem: 'painting',
  glue: '',
  part: 'head',
};

/** "a (nude) artwork": an article must fit the word that now follows it. */
function fitArticles(words: readonly PhraseWord[]): PhraseWord[] {
  return words.map((word, i) => {
    const next = words[i + 1];
    if (next === undefined || (word.norm !== 'a' && word.norm !== 'an')) return word;
    const article = articleFor(next.text);
    return { ...word, text: word.text.startsWith('A') ? article.replace('a', 'A') : article };
  });
}

const openingOf = (glue: string) => glue.replace(/^[^([{<]*/, '');
const spaced = (glue: string, { language }: ParsedPrompt) =>
  language === languages.eastAsian || /[\s_:/-]/.test(glue) ? glue : ` ${glue}`;

const brackets = [
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
] as const;

/** Without empty brackets, brackets that nothing closes or opens, and doubled spaces. */
function tidy(text: string): string {
  return brackets
    .reduce(dropLonely, text)
    .replace(/[([{]\s*(:\s*[\d.]+)?\s*[)\]}]/g, '')
    .replace(/\s+([,;)\]])/g, '$1')
    .replace(/\s+/g, ' ')
    .replace(/^[\s,;.:、，]+|[\s,;.:、，]+$/g, '');
}

function dropLonely(text: string, [open, close]: readonly [string, string]): string {
  const lonely = new Set<number>();
  const opened: number[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === open) opened.push(i);
    else if (text[i] === close && opened.pop() === undefined) lonely.add(i);
  }
  for (const place of opened) lonely.add(place);
  if (lonely.size === 0) return text;
  // A weight belongs to its brackets.
  const kept = text.split('').filter((_, i) => !lonely.has(i));
  return kept.join('').replace(/:\s*[\d.]+(?=\s*(,|$))/g, '');
}
