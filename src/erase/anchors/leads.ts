import { type Language, nounsOnIng } from './lexicon.ts';
import type { Phrase, Role } from './phrases.ts';
import type { Word } from './words.ts';

/** What joins a phrase to the one before, and what this makes of it. */
export interface Lead {
  /** Null: whatever the noun says. */
  readonly role: Role | null;
  /** In words. */
  readonly length: number;
}

const nounOnIng = new Set(nounsOnIng);

/** The lead of the phrase that begins with the first of the words. */
export function leadOf(
  words: readonly Word[],
  language: Language,
  before: Phrase | undefined,
): Lead {
  const [first] = words;
  if (!first) return { role: null, length: 0 };
  const style = styleLead(words, language, before);
  if (style > 0) return { role: 'style', length: style };
  const joined = joinedRole(first.norm, language, before);
  if (joined) return { role: joined, length: 1 };
  if (!before) return { role: null, length: 0 };
  // "covered in blood", "dressed up as": the participle and what joins it.
  const length = participleLength(words, language);
  if (length === 0) return { role: isVerb(first) ? 'attribute' : null, length };
  const isPlace = language.places.has(words[length - 1]?.norm ?? '') && !isFull(first);
  return { role: isPlace ? 'place' : 'attribute', length };
}

/** Whether another phrase begins with the first of the words. */
export function isBoundary(words: readonly Word[], language: Language): boolean {
  const norm = words[0]?.norm ?? '';
  if (language.conjunctions.has(norm) || isJoining(norm, language)) return true;
  return styleLead(words, language, undefined) > 0 || participleLength(words, language) > 0;
}

/** Whether a word is a preposition or the like. */
export const isJoining = (norm: string, { places, companions, of }: Language) =>
  places.has(norm) || companions.has(norm) || of.has(norm);

export const isStyleNoun = (word: Word | undefined, { styleNouns }: Language) =>
  word !== undefined && styleNouns.has(word.norm);

export const isName = (word: Word | undefined) => /^\p{Uppercase_Letter}/u.test(word?.text ?? '');

export const isVerb = ({ norm }: Word) => /[^\W\d_]{2,}ing$/.test(norm) && !nounOnIng.has(norm);

function joinedRole(norm: string, language: Language, before: Phrase | undefined): Role | null {
  const isShown = before?.role === 'medium';
  if (language.of.has(norm)) return isShown || !before ? 'subject' : 'attribute';
  if (language.companions.has(norm)) return isShown ? 'subject' : 'attribute';
  if (before && language.conjunctions.has(norm)) return before.role;
  return language.places.has(norm) ? 'place' : null;
}

/** Words of "in the style of" and the like, 0 where there is none. */
function styleLead(words: readonly Word[], language: Language, before: Phrase | undefined): number {
  const leads = language.styleLeads.map((lead) => lead.split(' '));
  const found = leads.find((lead) => isStyleLead(lead, words, { language, before }));
  if (found) return found.length;
  // "estilo Picasso", "artist:wlop"
  const [first, second] = words;
  const isNoun = language.isHeadFirst && isStyleNoun(first, language) && second !== undefined;
  const isTag = !before && /^(artist|style|by)$/.test(first?.norm ?? '');
  return isNoun || (isTag && (second?.glue ?? '').includes(':')) ? 1 : 0;
}

function isStyleLead(
  lead: readonly string[],
  words: readonly Word[],
  { language, before }: { language: Language; before: Phrase | undefined },
): boolean {
  const next = words[lead.length];
  if (!next || !lead.every((part, i) => words[i]?.norm === part)) return false;
  const [only = ''] = lead;
  if (lead.length > 1) return true;
  // "by the sea" is a place.
  if (language.articles.has(next.norm)) return isName(words[2]);
  // "von" and "de" may lead anything but a name.
  return !language.of.has(only) || (before?.role === 'medium' && isName(next));
}

/** Words of "parked on", "dressed up as"; 0 where there is none. */
function participleLength(words: readonly Word[], language: Language): number {
  const [first, second, third] = words;
  if (!first || !second || !isParticiple(first)) return 0;
  if (isJoining(second.norm, language)) return 2;
  return second.norm === 'up' && third && isJoining(third.norm, language) ? 3 : 0;
}

const irregularParticiples = new Set(
  'made taken drawn hidden clad stuck built held hung caught lost laid torn worn written shown found'.split(
    ' ',
  ),
);
const isParticiple = ({ norm }: Word) => /.{3,}ed$/.test(norm) || irregularParticiples.has(norm);

/** "covered in blood", "surrounded by soldiers" say what there is, not where. */
const isFull = ({ norm }: Word) =>
  /^(covered|dressed|filled|surrounded|soaked|drenched|clad|made)$/.test(norm);
