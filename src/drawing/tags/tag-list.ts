import { peopleTag, ratingTag, seriesTags, traitTag } from './tag-words.ts';
import { parseTags, type Tag } from './tag.ts';

/** So many words are a sentence, not a tag. */
const mostWords = 6;
/** Words that stand in sentences and in no tag. */
const sentenceWords =
  /(?<![\w-])(?:an?|is|are|was|were|who|which|his|her|their|my)(?![\w-])|\b(?:photo|photograph|picture|image|portrait|painting|drawing|illustration|sketch|render|shot|view|close-?up|style) of\b|\b(?:in|of|on|at) the\b/;
/** How photographs and renderings are asked for: such a list of words is no list of tags. */
const photographic =
  /\b(?:raw photo|photo|photorealistic|photography|hyper-?realistic|dslr|\d+mm|8k|4k|uhd|film grain|octane|unreal engine|artstation|canon|nikon|bokeh)\b/;

const isSentence = ({ name }: Tag) =>
  sentenceWords.test(name) || name.split(' ').length > mostWords;

/** Whether only somebody who writes tags writes it: `1girl`, `score_9`, `blue_hair`, `saber \(fate\)`. */
function isTelling({ text, name, lead, written }: Tag): boolean {
  if (peopleTag.test(name) || ratingTag.test(name) || seriesTags.has(name)) return true;
  if (/^score \d|^source (?:pony|furry|anime|cartoon)$/.test(name)) return true;
  if (/^artist/i.test(lead) || /\\\(.+\\\)/.test(text)) return true;
  return /^[^\s_]+(?:_[^\s_]+)+$/.test(written);
}

/**
 * Whether a prompt is a list of tags. Commas alone do not make one: `a dog, oil painting, 4k` is none.
 */
export function isTagList(prompt: string): boolean {
  const tags = parseTags(prompt);
  if (tags.some(isSentence)) return false;
  if (tags.some(isTelling)) return true;
  const traits = tags.filter(({ name }) => traitTag.test(name));
  return traits.length > 1 && !tags.some(({ name }) => photographic.test(name));
}

/** Whether prompts of one set are tags: one of them is a list of them, and none is a sentence. */
export function areTags(prompts: readonly string[]): boolean {
  return prompts.some(isTagList) && prompts.every(mayBeTags);
}

/** Whether nothing of a prompt is a sentence: `wlop`, `hatsune miku, stage`. */
export function mayBeTags(prompt: string): boolean {
  return !parseTags(prompt).some(isSentence);
}
