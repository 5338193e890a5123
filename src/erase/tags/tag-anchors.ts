import { hasWordsOf, parseTags, type Tag, tagName, tagWords } from '../../drawing/tags/tag.ts';
import { isTagList } from '../../drawing/tags/tag-list.ts';
import { kindOfTag, type TagKind } from './tag-kinds.ts';

/** How likely a tag of each kind is what is to be forgotten; 0: it goes with any prompt. */
const strengths: Readonly<Record<TagKind, number>> = {
  explicit: 100,
  artist: 40,
  character: 40,
  name: 30,
  thing: 25,
  mark: 20,
  trait: 15,
  series: 8,
  medium: 5,
  people: 1,
  quality: 0,
};
/** Kinds whose tags say one thing together: all of them go. */
const joint: ReadonlySet<TagKind> = new Set<TagKind>(['explicit', 'mark']);

/** What is steered to where nothing is left of a prompt. */
const standIns: Readonly<Partial<Record<TagKind, string>>> = {
  artist: '1girl, solo',
  thing: 'no humans, simple background',
  mark: 'simple background',
};
const anybody = 'solo';

interface KindedTag extends Tag {
  readonly kind: TagKind;
}

const readTags = (prompt: string): KindedTag[] =>
  parseTags(prompt).map((tag) => ({ ...tag, kind: kindOfTag(tag) }));

/** What else is known where the tags to take out are chosen. */
export interface TagHints {
  readonly concept?: string | undefined;
  readonly retain?: readonly string[];
}

/**
 * A prompt for each list of tags that has the same tags but the concept's: `1girl, wlop, blue hair` gives
 * `1girl, blue hair`. Where none is left, it is what such models draw most.
 */
export function deriveTagAnchors(prompts: readonly string[], hints: TagHints): string[] {
  const lists = prompts.map(readTags);
  return chooseTags(lists, hints).map((taken, i) => {
    const left = (lists[i] ?? []).filter((tag) => !taken.includes(tag));
    if (left.some(({ kind }) => strengths[kind] > 0))
      return left.map(({ text }) => text).join(', ');
    return standIns[taken[0]?.kind ?? 'name'] ?? anybody;
  });
}

/** The tags that lists of them are about, as they are written in the first. */
export function deriveTagConcept(prompts: readonly string[], hints: TagHints = {}): string {
  const [first = [], ...others] = chooseTags(prompts.map(readTags), hints);
  const isShared = ({ name }: Tag) =>
    2 * others.filter((tags) => tags.some((tag) => tag.name === name)).length > others.length;
  const shared = first.filter(isShared);
  return (shared.length > 0 ? shared : first).map(({ written }) => written).join(', ');
}

/** The tags of each list that are the concept, in their order. */
function chooseTags(
  lists: readonly (readonly KindedTag[])[],
  { concept, retain = [] }: TagHints,
): KindedTag[][] {
  const named = lists.map((tags) => namedTags(tags, concept));
  const kept = keptNames(retain, lists);
  const open = lists.map((tags) => tags.filter(({ name }) => !kept.has(name)));
  const core = sharedNames(open);
  return open.map((tags, i) => {
    const own = named[i] ?? [];
    if (own.length > 0) return own;
    const ofCore = tags.filter(({ name, kind }) => core.has(name) || kind === 'explicit');
    return ofCore.length > 0 ? ofCore : strongest(tags);
  });
}

/** Tags that hold all words of a concept that was named; for nudity, whatever is explicit. */
function namedTags(tags: readonly KindedTag[], concept: string | undefined): KindedTag[] {
  if (concept === undefined) return [];
  const wanted = readTags(concept);
  return tags.filter((tag) =>
    wanted.some(({ name, kind }) => {
      if (kind === 'explicit' && tag.kind === 'explicit') return true;
      if (kind === 'mark' && tag.kind === 'mark') return true;
      return hasWordsOf(tag.name, name);
    }),
  );
}

/** Tags of kept prompts are context, but for those that a forgotten prompt consists of. */
function keptNames(
  retain: readonly string[],
  lists: readonly (readonly KindedTag[])[],
): ReadonlySet<string> {
  const kept = new Set(retain.filter(isTagList).flatMap((prompt) => namesIn(prompt)));
  const isOnlyKept = (tags: readonly KindedTag[]) =>
    tags.every(({ name, kind }) => strengths[kind] <= strengths.people || kept.has(name));
  for (const tags of lists.filter(isOnlyKept)) for (const { name } of tags) kept.delete(name);
  return kept;
}

const namesIn = (prompt: string) => parseTags(prompt).map(({ written }) => tagName(written));

/** What more than half of the lists have, of the most telling kind; and what one has alone. */
function sharedNames(lists: readonly (readonly KindedTag[])[]): ReadonlySet<string> {
  const counts = new Map<string, { count: number; strength: number }>();
  for (const { name, kind } of lists.flat()) {
    const { count } = counts.get(name) ?? { count: 0 };
    counts.set(name, { count: count + 1, strength: strengths[kind] });
  }
  const enough = Math.max(2, Math.floor(lists.length / 2) + 1);
  const common = [...counts].filter(
    ([, { count, strength }]) => count >= enough && strength > strengths.people,
  );
  const best = Math.max(0, ...common.map(([, { strength }]) => strength));
  const shared = common.filter(([, { strength }]) => strength === best).map(([name]) => name);
  const alone = lists.flatMap((tags) => {
    const telling = tags.filter(({ kind }) => strengths[kind] > strengths.people);
    const [only, ...more] = telling;
    return only && more.length === 0 && strengths[only.kind] >= best ? [only.name] : [];
  });
  return new Set([...shared, ...alone]);
}

function strongest(tags: readonly KindedTag[]): KindedTag[] {
  const best = Math.max(0, ...tags.map(({ kind }) => strengths[kind]));
  const found = tags.filter(({ kind }) => strengths[kind] === best);
  const [first] = found;
  if (!first || joint.has(first.kind)) return found;
  // "holding sword, sword"
  const thing = tagWords(first.name).at(-1) ?? '';
  const isSame = ({ name, kind }: KindedTag) => kind === 'thing' && tagWords(name).includes(thing);
  return found.filter((tag) => tag === first || isSame(tag));
}
