import {
  clothes,
  goreWords,
  knownStyles,
  type Language,
  languages,
  nudityWords,
  occupations,
  postures,
  qualityWords,
  scenes,
} from './lexicon.ts';
import { isBoundary, isJoining, isName, isStyleNoun, isVerb, type Lead, leadOf } from './leads.ts';
import { parseEastAsian } from './parse-east-asian.ts';
import type { ParsedPrompt, Phrase, PhraseWord, Role, Segment } from './phrases.ts';
import { languageOf, nameParticles, splitWords, stemsOf, type Word } from './words.ts';

const quality = stemsOf(qualityWords);
const posture = new Set(postures);
const clothing = stemsOf(clothes);
const knownStyle = stemsOf(knownStyles);
const nudity = stemsOf(nudityWords);
const explicit = stemsOf([...nudityWords, ...goreWords]);
const occupation = stemsOf(occupations);
const scene = stemsOf(scenes);

export const isNudity = (word: Word) => nudity.has(word.stem);
export const isExplicit = (word: Word) => explicit.has(word.stem);
export const isOccupation = (word: Word) => occupation.has(word.stem);
export const isScene = (word: Word) => scene.has(word.stem);
const isQuality = (word: Word) => quality.has(word.stem);
export const isPosture = (word: Word) => posture.has(word.norm);

const separators = /\s*(?:[,;|、，；\n]|(?:。|(?<=\p{L}{3})[.!])(?=\s|$)|\sBREAK\s)\s*/gu;

/** Divides a prompt into clauses or tags, and each into phrases. */
export function parsePrompt(prompt: string): ParsedPrompt {
  const language = languageOf(splitWords(prompt));
  const parse = language === languages.eastAsian ? parseEastAsian : parseClause;
  const segments: Segment[] = [];
  let start = 0;
  let separator = '';
  for (const match of [...prompt.matchAll(separators), null]) {
    const text = prompt.slice(start, match?.index ?? prompt.length);
    const words = splitWords(text);
    const tail = text.slice(
      words.reduce((sum, { glue, text: word }) => sum + glue.length + word.length, 0),
    );
    segments.push({ separator, phrases: parse(words, language), tail });
    separator = match?.[0] ?? '';
    start = (match?.index ?? 0) + separator.length;
  }
  return {
    prompt,
    language,
    segments: segments.filter(({ phrases, tail }) => phrases.length > 0 || tail !== ''),
  };
}

/** The phrases of a clause in a language that writes spaces. */
function parseClause(words: readonly Word[], language: Language): Phrase[] {
  if (words.length === 0) return [];
  if (words.every((word) => isQuality(word) || isFunction(word, language))) {
    return [{ role: 'quality', words: words.map((word) => ({ ...word, part: 'head' })) }];
  }
  const phrases: Phrase[] = [];
  let i = 0;
  while (i < words.length) {
    const rest = words.slice(i);
    const lead = leadOf(rest, language, phrases.at(-1));
    const length = lead.length + nounPhraseLength(rest.slice(lead.length), language, lead.role);
    const phrase = buildPhrase(rest.slice(0, Math.max(1, length)), lead, language);
    phrases.push(phrase);
    i += phrase.words.length;
  }
  return phrases;
}

/** Words up to where the next phrase begins. */
function nounPhraseLength(words: readonly Word[], language: Language, role: Role | null): number {
  const end = words.findIndex((_, i) => i > 0 && isEnd(words, i, { language, role }));
  return end < 0 ? words.length : end;
}

function isEnd(
  words: readonly Word[],
  i: number,
  { language, role }: { language: Language; role: Role | null },
): boolean {
  const [word, before] = [words[i], words[i - 1]];
  if (isBoundary(words.slice(i), language) && !isInName(words, i, language)) return true;
  // "Ghibli style house": the style, then the house.
  if (!language.isHeadFirst && isStyleNoun(before, language)) return true;
  // "a man holding a gun"; "a smiling woman" and "a red building" are one phrase.
  if (word === undefined || !isVerb(word) || role === 'style') return false;
  return words.slice(0, i).some((other) => isNounLike(other, language));
}

/** "Leonardo da Vinci"; German writes all nouns so. */
const isInName = (words: readonly Word[], i: number, language: Language) =>
  language !== languages.german &&
  nameParticles.has(words[i]?.norm ?? '') &&
  isName(words[i - 1]) &&
  isName(words[i + 1]);

const isNounLike = ({ norm }: Word, { articles, common }: Language) =>
  !articles.has(norm) && !common.has(norm);

function buildPhrase(words: readonly Word[], lead: Lead, language: Language): Phrase {
  const own = words.slice(lead.length);
  const noun = headOf(own, language);
  const isStyle = lead.role === 'style' || isStyleNoun(own.at(-1), language);
  const parts = words.map((word, i): PhraseWord => {
    if (i < lead.length) return { ...word, part: 'lead' };
    if (own.length > 1 && language.articles.has(word.norm)) return { ...word, part: 'article' };
    return { ...word, part: isStyle || word === noun ? 'head' : 'modifier' };
  });
  return { role: roleOf(words, { ...lead, noun, isStyle }, language), words: parts };
}

function roleOf(
  words: readonly Word[],
  { role, length, noun, isStyle }: Lead & { noun: Word | undefined; isStyle: boolean },
  language: Language,
): Role {
  if (isStyle) return isKnownStyle(words.slice(length), language) ? 'medium' : 'style';
  const isMedium = noun !== undefined && language.media.has(noun.norm);
  if (role === null || role === 'subject') {
    return isMedium && (role === null || length > 0) ? 'medium' : 'subject';
  }
  const isWorn = role === 'place' && words.some(({ stem }) => clothing.has(stem));
  return isWorn ? 'attribute' : role;
}

/** "watercolor style" says with what a picture is made, "noto style" by whom. */
function isKnownStyle(words: readonly Word[], language: Language): boolean {
  return words.every(
    (word) =>
      language.styleNouns.has(word.norm) || isFunction(word, language) || knownStyle.has(word.stem),
  );
}

/** The noun that the others describe: the last, in languages whose adjectives follow the first. */
function headOf(words: readonly Word[], language: Language): Word | undefined {
  const content = words.filter(({ norm }) => !language.articles.has(norm));
  if (!language.isHeadFirst) return content.at(-1);
  return (
    content.find(({ norm }) => language.generic.has(norm) || language.media.has(norm)) ?? content[0]
  );
}

/** Whether a word only joins others. */
export const isFunction = ({ norm }: Word, language: Language) =>
  language.articles.has(norm) || language.conjunctions.has(norm) || isJoining(norm, language);
