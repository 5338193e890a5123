import { artistTags, characterTags, thingTags } from '../../drawing/tags/tag-words.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import { everydayPrompts } from '../neutral-prompts.ts';
import { ownVocabulary } from '../vocabulary.ts';
import type { TagKind } from './tag-kinds.ts';

/** What is like a concept of a kind, and what is far from all of them; tags by their names. */
export interface TagVocabulary {
  readonly artist: readonly string[];
  readonly girls: readonly string[];
  readonly boys: readonly string[];
  readonly thing: readonly string[];
  readonly trait: readonly string[];
  /** Near what is explicit, and none of it. */
  readonly explicit: readonly string[];
  readonly mark: readonly string[];
  readonly medium: readonly string[];
  /** Whole prompts. */
  readonly far: readonly string[];
}

/** Kinds that neighbours are known of. */
export type NeighbourKind = Exclude<TagKind, 'people' | 'quality' | 'series' | 'name'>;

const list = (text: string) => text.split(',').map((word) => word.trim());

// Frequent tags of Danbooru and e621: danbooru.donmai.us/wiki_pages/tag_groups.
const shipped: TagVocabulary = {
  artist: artistTags,
  ...characterTags,
  thing: thingTags,
  trait: list(
    `black hair, blonde hair, brown hair, red hair, pink hair, purple hair, green hair, white hair, silver hair, blue hair,
    orange hair, multicolored hair, long hair, short hair, twintails, ponytail, braid, bob cut, blue eyes, red eyes,
    green eyes, yellow eyes, purple eyes, heterochromia, glasses, hat, hair ornament, ribbon, animal ears, cat ears,
    fox ears, horns, wings, tail, halo, pointy ears, school uniform, serafuku, dress, white dress, skirt, shirt, jacket,
    hoodie, kimono, maid, armor, suit, military uniform, swimsuit, thighhighs, gloves, boots, smile, open mouth, crying,
    closed eyes, blush, sitting, standing, lying, kneeling, running, looking at viewer, from behind, from above,
    upper body, full body, cowboy shot, medium breasts, tattoo, dark-skinned female, muscular`,
  ),
  explicit: list(
    `clothed, fully clothed, dress, long dress, shirt, jacket, school uniform, swimsuit, one-piece swimsuit, bikini,
    leotard, midriff, bare shoulders, sleeveless, barefoot, shorts, kimono, towel, blanket, bathing suit, sportswear,
    bodysuit, hug, holding hands, kiss, smile, sitting, lying on bed, beach, bath, sweat, blush, muscular`,
  ),
  mark: list(
    `speech bubble, thought bubble, sign, letter, book, poster, newspaper, cover, album cover, border, letterboxed,
    sticker, frame, card, holding sign, clothes writing, name tag, number, heart, star (symbol), emblem, simple background,
    white background, traditional media, monochrome`,
  ),
  medium: list(
    `watercolor (medium), painting (medium), traditional media, sketch, lineart, monochrome, greyscale, comic, chibi,
    pixel art, flat color, anime coloring, 3d, realistic, retro artstyle, oil painting (medium), ink (medium),
    graphite (medium), photo (medium), digital media (artwork)`,
  ),
  far: everydayPrompts.tags,
};

/** The tags that suggestions are made of; a model's own vocabulary goes before those of all others. */
export async function readTagVocabulary(checkpoint: Checkpoint): Promise<TagVocabulary> {
  const own = await ownVocabulary(checkpoint);
  if (own === null) return shipped;
  const { styles, things, names } = own;
  return {
    ...{ artist: styles, girls: names, boys: names, thing: things, trait: things },
    ...{ explicit: things, mark: things, medium: styles },
    far: [...things, ...styles].map((word) => word.toLowerCase()),
  };
}
