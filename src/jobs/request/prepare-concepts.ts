import path from 'node:path';

import { mentions } from '../../erase/anchors.ts';
import { type ForgetLine, parseForgetLine } from '../../erase/forget-lines.ts';
import type { EraseJob } from '../../erase/job.ts';
import type { LearnedNames } from '../../erase/learned-names.ts';
import { quote } from '../../erase/quote.ts';
import type { AnnouncedConcept } from '../../erase/read-concepts.ts';
import { AppError } from '../../errors.ts';
import type { Preset } from '../../presets/preset.ts';
import { wordsOfPreset } from '../../presets/preset-words.ts';
import { checkPrompts, readCaptions } from './check-prompts.ts';
import type { PromptRequest } from './prompt-request.ts';

/** One of several concepts, its words checked. */
export interface ReadConcept {
  readonly name: string;
  readonly lines: readonly ForgetLine[];
  readonly anchor: string | undefined;
  readonly neighbours: string[];
  readonly images: string | null;
}

/** The list of a request, or that of its preset where the person says nothing in its place. */
export function conceptsOf(
  {
    concepts = [],
    forget,
    style = 'sentences',
  }: Pick<PromptRequest, 'concepts' | 'forget' | 'style'>,
  preset: Preset | undefined,
): readonly AnnouncedConcept[] {
  if (concepts.length > 0 || forget.length > 0 || !preset) return concepts;
  const listed = wordsOfPreset(preset, style).concepts ?? [];
  return listed.map(({ neighbours = [], ...one }) => ({ ...one, neighbours }));
}

/**
 * Checks the words of several concepts; captions of their pictures join their prompts.
 *
 * @throws AppError `prompt.invalid`, `image.*`
 */
export async function readConcepts(
  concepts: readonly AnnouncedConcept[],
  names: LearnedNames,
): Promise<ReadConcept[]> {
  const read: ReadConcept[] = [];
  for (const { name, forget, anchor, neighbours, images, captions: announced } of concepts) {
    if (read.some((other) => other.name.toLowerCase() === name.toLowerCase())) {
      throw new AppError(
        'concepts.invalid',
        `two concepts are called ${quote(name)}. Join them, or give one another name.`,
      );
    }
    const of = `of ${quote(name)}`;
    const prompts = checkPrompts(
      `a prompt ${of}`,
      forget.map((prompt) => names.spelled(prompt)),
    );
    const captions = announced ?? (await readCaptions(images));
    const lines = [
      ...prompts.map(parseForgetLine),
      ...captions.map((prompt) => ({ prompt, anchor: undefined })),
    ];
    if (lines.length === 0) {
      throw new AppError(
        'prompt.invalid',
        images === undefined
          ? `nothing says what to forget of ${quote(name)}. Give prompts of it, or pictures with captions.`
          : `no image of ${quote(name)} in "${images}" has a caption. Write what each shows into NAME.txt beside NAME.png, or give prompts of it under forget.`,
      );
    }
    const [own] = checkPrompts(`the anchor ${of}`, anchor === undefined ? [] : [anchor]);
    read.push({
      ...{ name, lines, anchor: own },
      neighbours: checkPrompts(`a neighbour ${of}`, neighbours),
      images: images === undefined ? null : path.resolve(images),
    });
  }
  return read;
}

export const nameOf = ({ name }: ReadConcept): string => name;

/** How the anchors of a concept are found: its name helps where its prompts hold it. */
export function hintsOf(
  { name, lines, anchor }: ReadConcept,
  common: string | undefined,
): { readonly anchor: string | undefined; readonly concept: string | undefined } {
  const isNamed = lines.some(({ prompt }) => mentions(prompt, name));
  return { anchor: anchor ?? common, concept: isNamed ? name : undefined };
}

/** @throws AppError `prompt.invalid` where two concepts have one prompt */
export function requireOwnPrompts(
  concepts: readonly { readonly name: string; readonly forget: EraseJob['forget'] }[],
): void {
  const owners = new Map<string, string>();
  for (const { name, forget } of concepts) {
    for (const { prompt } of forget) {
      const other = owners.get(prompt);
      if (other !== undefined) {
        throw new AppError(
          'prompt.invalid',
          `the prompt ${quote(prompt)} is one of ${quote(other)} and of ${quote(name)}. Take it out of one of them.`,
        );
      }
      owners.set(prompt, name);
    }
  }
}
