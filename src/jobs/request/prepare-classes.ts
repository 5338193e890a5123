import { parseForgetLine } from '../../erase/forget-lines.ts';
import { AppError } from '../../errors.ts';
import { ANYTHING, classPrompt, readClass } from '../../families/class-prompts.ts';
import type { Asks } from '../../families/family.ts';
import type { AnyMethod } from '../../methods/registry.ts';
import type { Remedy } from '../../remedy.ts';
import type { PreparedPrompts, PromptRequest } from './prompt-request.ts';

type ClassRequest = Pick<
  PromptRequest,
  'forget' | 'retain' | 'anchor' | 'forgetImages' | 'retainImages' | 'captions'
>;

/**
 * The prompts of a job with a model that is asked by classes, or for nothing. Classes that are not forgotten
 * are kept unless some are named; each forgotten one has the named anchor, or the next kept class. A model that
 * is asked for nothing forgets given pictures.
 *
 * @param forgets as `preparePrompts` has it: where pictures are told apart, a class may be on both sides
 * @throws AppError `prompt.invalid`, `image.*`
 */
export async function prepareClasses(
  request: ClassRequest,
  forgets: AnyMethod['forgets'],
  asks: Exclude<Asks, { kind: 'words' }>,
): Promise<PreparedPrompts> {
  const captions = request.captions ?? {
    forget: await readLabels(request.forgetImages, asks, request.forget.length),
    retain: await readLabels(request.retainImages, asks, request.retain.length),
  };
  if (asks.kind === 'nothing') return withoutClasses(request, captions);
  const lines = [...request.forget, ...captions.forget].map(parseForgetLine);
  if (lines.length === 0) throw nothingToForget();
  const label = (text: string, said: string) => requireClass(text, said, asks.count);
  const anchors = new Map(
    lines.map(({ prompt, anchor = request.anchor }) => [
      label(prompt, 'to forget'),
      anchor === undefined ? null : label(anchor, 'as anchor'),
    ]),
  );
  const forgotten = [...anchors.keys()];
  const named = [...request.retain, ...captions.retain].map((text) => label(text, 'to keep'));
  const excluded = forgets === 'concept' ? forgotten : [];
  const kept = keptClasses(new Set(named), excluded, asks.count);
  for (const [one, anchor] of anchors) {
    if (anchor === null || !anchors.has(anchor)) continue;
    const itself = anchor === one ? 'its own anchor' : `steered to ${classPrompt(anchor)}`;
    throw invalid(
      `${classPrompt(one)} is ${itself}, which is to be forgotten. Give a kept class as anchor, or none.`,
    );
  }
  return {
    concept: forgotten.map(classPrompt).join(' and '),
    forget: [...anchors].map(([one, anchor]) => ({
      prompt: classPrompt(one),
      anchor: classPrompt(anchor ?? nextAfter(one, kept)),
    })),
    retain: kept.map(classPrompt),
    ...{ heldBack: [], concepts: [], warnings: [] },
  };
}

function keptClasses(
  named: ReadonlySet<number>,
  forgotten: readonly number[],
  count: number | null,
): readonly number[] {
  const kept = [...named];
  const both = kept.find((one) => forgotten.includes(one));
  if (both !== undefined) {
    throw invalid(
      `${classPrompt(both)} is both to be forgotten and to be kept. Take it out of one of the two.`,
    );
  }
  if (kept.length > 0) return kept;
  if (count === null) {
    throw invalid('the model does not say how many classes it has.', {
      advice: 'Name those to keep',
      settings: [{ setting: 'retain' }],
    });
  }
  const others = Array.from({ length: count }, (_, i) => i).filter((i) => !forgotten.includes(i));
  if (others.length > 0) return others;
  throw invalid('all classes of the model are to be forgotten, and none is left to keep.');
}

/** The next higher kept class, or the lowest: another one for each of several neighbours. */
function nextAfter(label: number, kept: readonly number[]): number {
  const sorted = kept.toSorted((a, b) => a - b);
  return sorted.find((one) => one > label) ?? sorted[0] ?? label;
}

/** @throws AppError `prompt.invalid` for what names none of the model's classes */
function requireClass(text: string, said: string, count: number | null): number {
  const label = readClass(text);
  const range = count === null ? '0 and up' : `0 to ${count - 1}`;
  if (label === null) {
    throw invalid(
      `${JSON.stringify(text.slice(0, 80))}, ${said}, is no class, and this model is asked by classes alone. Write "${classPrompt(0)}", or its number: ${range}.`,
    );
  }
  if (count === null || label < count) return label;
  throw invalid(`there is no ${classPrompt(label)}, ${said}: the model has the classes ${range}.`);
}

/** Of a model that is asked for nothing. */
function withoutClasses(
  { forget, retain, anchor, forgetImages }: ClassRequest,
  captions: { readonly forget: readonly string[] },
): PreparedPrompts {
  const [named] = [...forget, ...retain, ...(anchor === undefined ? [] : [anchor])];
  if (named !== undefined && named !== ANYTHING) {
    throw invalid(
      `the model has no classes and reads no prompts, so ${JSON.stringify(named.slice(0, 80))} means nothing to it: it can only be made to forget pictures.`,
      { advice: 'Give those', settings: [{ setting: 'forgetImages' }] },
    );
  }
  if (forgetImages === undefined && captions.forget.length === 0) {
    throw new AppError(
      'image.none',
      'the model has no classes and reads no prompts, so it can only be made to forget pictures.',
      { remedy: { advice: 'Give them', settings: [{ setting: 'forgetImages' }] } },
    );
  }
  return {
    concept: 'pictures',
    forget: [{ prompt: ANYTHING, anchor: ANYTHING }],
    retain: [ANYTHING],
    ...{ heldBack: [], concepts: [], warnings: [] },
  };
}

/**
 * The classes that captions of a folder name; none for models without.
 *
 * @param named classes that the person names for the set: of one, all pictures may be
 */
async function readLabels(
  folder: string | undefined,
  asks: Asks,
  named: number,
): Promise<readonly string[]> {
  if (folder === undefined || asks.kind === 'nothing') return [];
  // Loaded here, not at the start: it brings the image library, which a request of words need not.
  const { readImageFolder } = await import('../../images/image-folder.ts');
  const images = await readImageFolder(folder);
  const bare = images.find(({ caption }) => caption === undefined);
  if (bare && named !== 1) {
    throw new AppError(
      'prompt.invalid',
      `"${bare.file}" has no caption, so its class is not known. Write it ("${classPrompt(0)}") into a .txt file of its name, or name a single class for the whole folder.`,
    );
  }
  return images.flatMap(({ caption }) => caption ?? []);
}

function nothingToForget(): AppError {
  return invalid('nothing is said of which class to forget.', {
    advice: 'Say it',
    settings: [{ setting: 'forget' }],
  });
}

function invalid(detail: string, remedy?: Remedy): AppError {
  return new AppError('prompt.invalid', detail, { remedy });
}
