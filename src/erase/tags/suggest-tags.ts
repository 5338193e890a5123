import { mayBeTags } from '../../drawing/tags/tag-list.ts';
import { hasWordsOf, parseTags, type Tag, tagName, writeTag } from '../../drawing/tags/tag.ts';
import { characterTags } from '../../drawing/tags/tag-words.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import { nearestPrompts } from '../../pipeline/nearest-prompts.ts';
import type { RunPlace } from '../../families/family.ts';
import { conceptName, deriveAnchors, deriveConcept } from '../anchors.ts';
import { isOfKind } from '../kinds.ts';
import { singular } from '../singular.ts';
import { type AskedConcept, type FoundPrompts, suggestedCounts } from '../suggestions.ts';
import { deriveTagConcept } from './tag-anchors.ts';
import { kindOfTag } from './tag-kinds.ts';
import { type NeighbourKind, readTagVocabulary, type TagVocabulary } from './tag-vocabulary.ts';

/** A prompt for a tag of each kind, in the order in which such models were taught: people, then who, then the rest. */
const plainPrompts: Readonly<Record<NeighbourKind, string>> = {
  artist: '1girl, solo, {tag}',
  character: '{people}, {tag}, solo',
  explicit: '1girl, solo, {tag}',
  mark: '1girl, solo, {tag}',
  medium: '1girl, solo, {tag}',
  trait: '{people}, solo, {tag}',
  thing: 'no humans, {tag}',
};

/** Further wordings of what is forgotten. */
const wordings: Readonly<Record<NeighbourKind, readonly string[]>> = {
  artist: ['{tag}', '1girl, solo, {tag}', '1boy, solo, {tag}', 'no humans, scenery, {tag}'],
  character: [
    '{tag}',
    '{people}, {tag}, solo',
    '{people}, {tag}, upper body, looking at viewer',
    '{people}, {tag}, full body, standing, outdoors',
  ],
  explicit: ['1girl, solo, {tag}', '1boy, solo, {tag}', '1girl, 1boy, {tag}', '1girl, {tag}, bed'],
  mark: ['{tag}', '1girl, solo, {tag}', 'no humans, scenery, {tag}', '1boy, upper body, {tag}'],
  medium: ['{tag}', '1girl, solo, {tag}', 'no humans, scenery, {tag}', '1boy, solo, {tag}'],
  trait: ['{tag}', '{people}, solo, {tag}', '{people}, {tag}, upper body', '2girls, {tag}'],
  thing: ['{tag}', 'no humans, {tag}', '1girl, solo, {tag}', '{tag}, simple background'],
};

/** What is forgotten, as tags have it. */
interface TagConcept {
  readonly text: string;
  readonly name: string;
  readonly kind: NeighbourKind;
  /** Of the people tags that it is drawn with. */
  readonly people: '1girl' | '1boy';
  /** How an artist is led to: `by `, `artist:`. */
  readonly lead: string;
  readonly underscores: boolean;
}

/** What `suggest` chooses among for a model that is asked in tags. */
export async function findTagPrompts(
  checkpoint: Checkpoint,
  { forget, concept: given }: AskedConcept,
  settings: RunPlace,
): Promise<FoundPrompts> {
  const concept = readConcept(forget, given);
  const vocabulary = await readTagVocabulary(checkpoint);
  const anchors = deriveAnchors(forget, { concept: given, style: 'tags' });
  const isOther = (prompt: string) => !parseTags(prompt).some((tag) => isShown(tag, concept));

  const others = candidates(vocabulary, concept).filter(isOther);
  const asPrompt = (tag: string) => fill(plainPrompts[concept.kind], tag, concept);
  const byPrompt = new Map(others.map((tag) => [asPrompt(tag), tag]));
  const far = vocabulary.far.filter(isOther);
  const own = asPrompt(writeTag(concept.name, { underscores: false }));
  const pooled = await checkpoint.condition.pool([own, ...byPrompt.keys(), ...far], settings);
  const near = nearestPrompts(own, pooled, {
    ...{ among: byPrompt.keys(), count: suggestedCounts.neighbours },
  });
  const templates = forget.flatMap((prompt) => templateOf(prompt, concept) ?? []);
  const neighbours = near.map((prompt, i) => {
    const tag = concept.lead + writeTag(byPrompt.get(prompt) ?? '', concept);
    const template = templates[i % templates.length];
    return template ? template(tag) : fill(plainPrompts[concept.kind], tag, concept);
  });
  const farthest = nearestPrompts(own, pooled, { among: far, count: far.length }).reverse();
  const telling = [...new Set(anchors)].filter((anchor) => mayBeTags(anchor) && isOther(anchor));
  return {
    concept: concept.text,
    forget: furtherWordings(forget, concept),
    anchors,
    ...{ neighbours, telling, far: farthest },
  };
}

function readConcept(forget: readonly string[], given: string | undefined): TagConcept {
  const isTagged = forget.every(mayBeTags);
  const text = given ?? (isTagged ? deriveTagConcept(forget) : conceptName(deriveConcept(forget)));
  const [tag] = parseTags(text);
  const name = tag?.name ?? tagName(text);
  const tags = forget.flatMap(parseTags);
  const written = tags.find((other) => other.name === name);
  const isLed = forget.some((prompt) => isStyleOf(prompt, text));
  const kind = isLed ? 'artist' : neighbourKind(written ?? tag, tags, text);
  const isBoy =
    characterTags.boys.includes(name) ||
    (tags.some((other) => /^1boy$/.test(other.name)) &&
      !tags.some((other) => /^1girl$/.test(other.name)));
  return {
    ...{ text, name, kind },
    people: isBoy ? '1boy' : '1girl',
    lead: written?.lead ?? '',
    underscores: tags.some((other) => isUnderscored(other)),
  };
}

/** Whether a sentence speaks of a style by this name. */
function isStyleOf(prompt: string, name: string): boolean {
  const at = prompt.toLowerCase().indexOf(name.toLowerCase());
  return at > 0 && /(?:style of|\bby|art by)\s+(?:the\s+)?$/i.test(prompt.slice(0, at));
}

function neighbourKind(tag: Tag | undefined, all: readonly Tag[], text: string): NeighbourKind {
  const kind = tag ? kindOfTag(tag) : 'name';
  if (kind === 'name') {
    // Who stands beside a series, or is called by name and surname, is somebody; one word is a pen name.
    const isSomebody = all.some((other) => kindOfTag(other) === 'series') || /[\s_]/.test(text);
    return isSomebody ? 'character' : 'artist';
  }
  if (kind === 'series') return 'character';
  return kind === 'people' || kind === 'quality' ? 'trait' : kind;
}

/** `score_9` and the like are written so by everybody. */
const isUnderscored = ({ written }: Tag) =>
  /[^\s_]_[^\s_]/.test(written) && !/^(?:score|source|rating)_/i.test(written);

function candidates(vocabulary: TagVocabulary, { kind, people, name }: TagConcept) {
  const among =
    kind === 'character' ? vocabulary[people === '1boy' ? 'boys' : 'girls'] : vocabulary[kind];
  // What is of the same kind may suffer or bring it back: no poodle where dogs are forgotten.
  const isRelated = (tag: string) =>
    isOfKind(singular(tag), singular(name)) || isOfKind(singular(name), singular(tag));
  return [...new Set(among)].map((tag) => tagName(tag)).filter((tag) => !isRelated(tag));
}

/** Whether a tag is the concept's, or holds all of its words. */
function isShown(tag: Tag, concept: TagConcept): boolean {
  const isExplicit = concept.kind === 'explicit' && kindOfTag(tag) === 'explicit';
  return isExplicit || hasWordsOf(tag.name, concept.name);
}

/** A list of tags with a gap where the concept stands; null for what is none or does not hold it. */
function templateOf(prompt: string, concept: TagConcept): ((tag: string) => string) | null {
  if (!mayBeTags(prompt)) return null;
  const tags = parseTags(prompt).filter(
    // Another one's series would draw the two of them.
    (tag) => concept.kind !== 'character' || kindOfTag(tag) !== 'series',
  );
  const place = tags.findIndex(({ name }) => name === concept.name);
  if (place < 0) return null;
  return (word) =>
    tags
      .flatMap((tag, i) => {
        if (i === place) return tag.text.replace(tag.lead + tag.written, () => word);
        return isShown(tag, concept) ? [] : tag.text;
      })
      .join(', ');
}

function furtherWordings(forget: readonly string[], concept: TagConcept): string[] {
  const key = (prompt: string) =>
    parseTags(prompt)
      .map(({ name }) => name)
      .sort()
      .join(',');
  const had = new Set(forget.map(key));
  const tag = concept.lead + writeTag(concept.name, concept);
  return wordings[concept.kind]
    .map((wording) => fill(wording, tag, concept))
    .filter((prompt) => !had.has(key(prompt)));
}

function fill(template: string, tag: string, { people }: TagConcept): string {
  return template.replace('{people}', people).replace('{tag}', () => tag);
}
