import type { Language } from './lexicon.ts';
import type { Phrase, PhraseWord, Role } from './phrases.ts';
import type { Word } from './words.ts';

/**
 * The phrases of a Japanese or Chinese clause. What describes stands before what it describes, with
 * a particle between: "海辺の裸の女性", "海滩上的裸体女人". The last one is the subject, or a kind of
 * picture with the subject before it: "猫の写真".
 */
export function parseEastAsian(words: readonly Word[], language: Language): Phrase[] {
  const groups: Word[][] = [[]];
  for (const [i, word] of words.entries()) {
    groups.at(-1)?.push(word);
    const next = words[i + 1];
    if (next && isParticle(word, language) && !isParticle(next, language)) groups.push([]);
  }
  const isMedium = (group: Word[] | undefined) =>
    group?.some(({ norm }) => language.media.has(norm)) === true;
  const subject =
    isMedium(groups.at(-1)) && groups.length > 1 ? groups.length - 2 : groups.length - 1;
  return groups
    .filter((group) => group.length > 0)
    .map((group, i) => {
      const role = roleOf(group, language, { isMedium: isMedium(group), isSubject: i === subject });
      return { role, words: partsOf(group, role, language) };
    });
}

const isParticle = ({ norm }: Word, language: Language) =>
  language.of.has(norm) || language.places.has(norm) || language.companions.has(norm);

function roleOf(
  group: readonly Word[],
  language: Language,
  { isMedium, isSubject }: { isMedium: boolean; isSubject: boolean },
): Role {
  if (group.some(({ norm }) => language.styleNouns.has(norm))) return 'style';
  if (isSubject) return isMedium ? 'medium' : 'subject';
  if (isMedium) return 'medium';
  return group.some(({ norm }) => language.places.has(norm)) ? 'place' : 'attribute';
}

/** The particles behind a group lead to the next and go with the group; a style is one name. */
function partsOf(group: readonly Word[], role: Role, language: Language): PhraseWord[] {
  const last = group.findLastIndex((word) => !isParticle(word, language));
  return group.map((word, i) => {
    if (i > last) return { ...word, part: 'lead' };
    if (language.articles.has(word.norm)) return { ...word, part: 'article' };
    return { ...word, part: i === last || role === 'style' ? 'head' : 'modifier' };
  });
}
