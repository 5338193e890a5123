import type { Tag } from '../../drawing/tags/tag.ts';
import {
  artistTags,
  bracketKinds,
  characterTags,
  explicitRating,
  markTags,
  mediumTag,
  peopleTag,
  qualityTag,
  ratingTag,
  seriesTags,
  thingTags,
  traitTag,
} from '../../drawing/tags/tag-words.ts';
import { goreWords, nudityWords, postures, scenes } from '../anchors/lexicon.ts';
import { namesOfKinds } from '../kinds.ts';
import { singular } from '../singular.ts';

/** What a tag says; `name` is what no list has: of a character, an artist or anything else. */
export type TagKind =
  | 'people'
  | 'quality'
  | 'explicit'
  | 'artist'
  | 'character'
  | 'series'
  | 'mark'
  | 'medium'
  | 'trait'
  | 'thing'
  | 'name';

const explicitWords = new Set([
  ...nudityWords,
  ...goreWords,
  ...['cum', 'anus', 'anal', 'fellatio', 'vaginal', 'paizuri', 'masturbation', 'futanari'],
  ...['areolae', 'erection', 'ejaculation', 'guro', 'blood', 'bdsm', 'ahegao', 'cameltoe'],
]);
const artists = new Set(artistTags);
const characters = new Set([...characterTags.girls, ...characterTags.boys]);
const things = new Set(thingTags);
const sceneWords = new Set([...scenes, ...postures]);
/** Behind the name of an artist or a look: `wlop style`. */
const styleWord = / (?:style|artstyle|art style)$/;

const bracketOf = (name: string) => /\(([^()]+)\)$/.exec(name)?.[1];
const hasWord = (name: string, holds: (word: string) => boolean) => name.split(' ').some(holds);

/** What tells each kind, the most certain first. */
const signs: readonly (readonly [TagKind, (tag: Tag) => boolean])[] = [
  ['artist', ({ name, lead }) => lead !== '' || artists.has(name)],
  ['people', ({ name }) => peopleTag.test(name)],
  ['explicit', ({ name }) => explicitRating.test(name)],
  ['quality', ({ name }) => qualityTag.test(name) || ratingTag.test(name)],
  ['mark', ({ name }) => markTags.has(name)],
  ['character', ({ name }) => characters.has(name)],
  ['series', ({ name }) => seriesTags.has(name)],
  ['trait', ({ name }) => traitTag.test(name)],
  ['medium', ({ name }) => mediumTag.test(name)],
  ['thing', ({ name }) => things.has(name)],
  ['artist', ({ name }) => styleWord.test(name)],
];
const weakSigns: typeof signs = [
  ['explicit', ({ name }) => hasWord(name, (word) => explicitWords.has(word))],
  ['thing', ({ name }) => namesOfKinds(name.split(' ').map(singular)).length > 0],
  ['trait', ({ name }) => /^\p{L}+ing\b/u.test(name)],
  ['trait', ({ name }) => !hasWord(name, (word) => !sceneWords.has(word))],
];

/** The kind of a tag, by how it is written and by its name. */
export function kindOfTag(tag: Tag): TagKind {
  const bracket = bracketOf(tag.name);
  const kindBy = (some: typeof signs) => some.find(([, tells]) => tells(tag))?.[0];
  const bracketed = bracket === undefined ? undefined : (bracketKinds[bracket] ?? 'character');
  return kindBy(signs) ?? bracketed ?? kindBy(weakSigns) ?? 'name';
}
