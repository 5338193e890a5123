import { conceptName, deriveAnchors, deriveConcept, mentions } from '../../erase/anchors.ts';
import { findNearContradictions, requireNoContradiction } from '../../erase/contradictions.ts';
import type { EraseJob } from '../../erase/job.ts';
import { titleOfConcepts } from '../../erase/concepts.ts';
import { trainedOn } from '../../erase/held-back.ts';
import { LearnedNames } from '../../erase/learned-names.ts';
import { neutralPrompts } from '../../erase/neutral-prompts.ts';
import { checkSyntax } from '../../erase/prompt-syntax.ts';
import type { PromptStyle } from '../../drawing/prompt-style.ts';
import { AppError } from '../../errors.ts';
import type { Asks } from '../../families/family.ts';
import type { AnyMethod } from '../../methods/registry.ts';
import { type PresetWords, wordsOfPreset } from '../../presets/preset-words.ts';
import type { Preset } from '../../presets/preset.ts';
import { prepareClasses } from './prepare-classes.ts';
import type { PreparedPrompts, PromptRequest } from './prompt-request.ts';
import { checkPrompts as check, readCaptions } from './check-prompts.ts';
import {
  conceptsOf,
  hintsOf,
  nameOf,
  readConcepts,
  requireOwnPrompts,
} from './prepare-concepts.ts';
import { type ForgetLine, parseForgetLine } from '../../erase/forget-lines.ts';

/**
 * The prompts to forget with their anchors, and those to retain. What the person gives replaces
 * what the preset has; captions of images join; without any retain prompts a neutral set and the
 * anchors are kept. All are looked through for what web UIs read otherwise, and for contradictions.
 *
 * @param asks how the model is asked; of classes it is as `prepareClasses` has it
 * @throws AppError `prompt.invalid`, `image.*`
 */
export async function preparePrompts(
  request: PromptRequest,
  preset: Preset | undefined,
  forgets: AnyMethod['forgets'],
  asks: Asks = { kind: 'words' },
): Promise<PreparedPrompts> {
  if (asks.kind === 'words') return prepareWords(request, preset, forgets);
  if (conceptsOf(request, preset).length > 0) {
    throw new AppError(
      'concepts.invalid',
      'a list of concepts is for models that read prompts, which this one does not. Leave the list out, and forget by class or by pictures.',
    );
  }
  const { forget } = request.forget.length > 0 ? request : { forget: preset?.forget ?? [] };
  return prepareClasses({ ...request, forget }, forgets, asks);
}

async function prepareWords(
  request: PromptRequest,
  preset: Preset | undefined,
  forgets: AnyMethod['forgets'],
): Promise<PreparedPrompts> {
  // Words first: an empty prompt is told before folders are read.
  const names = new LearnedNames(request.learned ?? []);
  const { style = 'sentences' } = request;
  const words = readWords({ ...request, style }, preset, names);
  const captions = await captionsOf(request);

  const { anchor, concept } = words;
  const several = await readConcepts(conceptsOf(request, preset), names);
  const neighbours = several.flatMap((one) => one.neighbours);
  const retain = unique([...words.retain, ...neighbours, ...captions.retain]);
  const shared = { anchor, retain, style, names };
  const lines = [...words.forget.map(parseForgetLine), ...captions.forget.map(withoutAnchor)];
  if (lines.length + several.length === 0) throw nothingToForget(request.forgetImages);
  const concepts = several.map((one) => ({
    ...one,
    forget: withAnchors(one.lines, { ...shared, ...hintsOf(one, anchor) }),
  }));
  requireOwnPrompts(concepts);
  const forget = [
    ...withAnchors(lines, { ...shared, concept }),
    ...concepts.flatMap((one) => one.forget),
  ];
  const read = [...namesOf(forget), ...unique(forget.map((line) => line.anchor)), ...retain];
  const warnings = checkSyntax(read.map((prompt) => names.hidden(prompt))).map((warning) =>
    names.shown(warning),
  );
  warnings.push(...names.unusedIn(namesOf(forget)));
  // Where pictures are told apart, one caption may go with some to forget and some to keep.
  if (forgets === 'concept') {
    requireNoContradiction(forget, retain);
    warnings.push(...findNearContradictions(forget, retain, concept));
  }
  if (retain.length === 0) {
    const known = concept ?? deriveConcept(namesOf(forget));
    retain.push(...neutralOf(style, several.length > 0 ? several.map(nameOf) : [known]));
    retain.push(...unique(forget.map((line) => line.anchor)));
  }
  const wordings = heldBackLines(words.heldBack, { forget, retain }, request);
  const about = concept ?? deriveConcept(namesOf(forget), retain);
  // Each goes by the concept that it speaks of.
  const heldBack = wordings.flatMap((line) => {
    const spoken = several.find(({ name }) => mentions(line.prompt, name));
    const hints = spoken ? hintsOf(spoken, anchor) : { anchor, concept: about };
    return withAnchors([line], { ...hints, retain, style, names });
  });
  return {
    concept: titleOfConcepts(several.map(nameOf)) ?? conceptName(about),
    ...{ forget, retain, heldBack, warnings },
    concepts: concepts.map(({ name, neighbours: near, images, forget: own }) => ({
      ...{ name, images, neighbours: near },
      prompts: namesOf(own),
    })),
  };
}

/** Of the pictures of both sets, in folders or not. */
async function captionsOf({ captions, forgetImages, retainImages }: PromptRequest) {
  return (
    captions ?? {
      forget: await readCaptions(forgetImages),
      retain: await readCaptions(retainImages),
    }
  );
}

/** Neutral prompts that speak of none of some concepts. */
function neutralOf(style: PromptStyle, concepts: readonly string[]): string[] {
  return neutralPrompts[style].filter(
    (prompt) => !concepts.some((concept) => mentions(prompt, concept)),
  );
}

const namesOf = (lines: EraseJob['forget']) => lines.map(({ prompt }) => prompt);

/** @throws AppError `prompt.invalid` where a person holds back what is trained on */
function heldBackLines(
  prompts: readonly string[],
  { forget, retain }: Pick<PreparedPrompts, 'forget' | 'retain'>,
  { heldBack: given = [] }: PromptRequest,
): ForgetLine[] {
  const isTrainedOn = trainedOn([...namesOf(forget), ...retain]);
  const both = prompts.find(isTrainedOn);
  if (both !== undefined && given.length > 0) {
    throw new AppError(
      'prompt.invalid',
      `the wording "${both}" is to be held back, and is trained on: it would tell nothing of others. Leave it out of one of them.`,
    );
  }
  // Prompts of the person's own, beside a preset's: those that are left are held back all the same.
  return prompts.filter((prompt) => !isTrainedOn(prompt)).map(parseForgetLine);
}

const withoutAnchor = (prompt: string): ForgetLine => ({ prompt, anchor: undefined });

/**
 * Each prompt once, with its own anchor, the one for all, or itself without the concept.
 *
 * @throws AppError `prompt.invalid` where a prompt is given two anchors
 */
function withAnchors(
  lines: readonly ForgetLine[],
  {
    anchor,
    concept,
    retain,
    style,
    names,
  }: {
    anchor: string | undefined;
    concept: string | undefined;
    retain: readonly string[];
    style: PromptStyle;
    names: LearnedNames;
  },
): EraseJob['forget'] {
  const given = new Map<string, string | undefined>();
  for (const line of lines) {
    const other = given.get(line.prompt);
    if (other !== undefined && line.anchor !== undefined && other !== line.anchor) {
      throw new AppError(
        'prompt.invalid',
        `the prompt "${line.prompt}" is given two anchors, "${other}" and "${line.anchor}". Leave one of them out.`,
      );
    }
    given.set(line.prompt, other ?? line.anchor);
  }
  const prompts = [...given.keys()];
  const derived = deriveAnchors(
    prompts.map((prompt) => names.hidden(prompt)),
    { concept: concept && names.hidden(concept), retain, style },
  ).map((text) => names.shown(text));
  return prompts.map((prompt, i) => ({
    prompt,
    anchor: given.get(prompt) ?? anchor ?? derived[i] ?? '',
  }));
}

/** What is said in words, by the person or else by the preset. */
function readWords(
  { style, ...request }: PromptRequest & { readonly style: PromptStyle },
  preset: Preset | undefined,
  names: LearnedNames,
) {
  const own = saidByPreset(preset, style);
  const { concepts = [] } = request;
  // A preset's anchor and concept need not fit prompts that were given in place of its own.
  const fitting = request.forget.length + concepts.length === 0 ? own : {};
  const [anchor] = check('the anchor', listOf(request.anchor ?? fitting.anchor));
  const named = request.concept ?? fitting.concept ?? names.concept;
  const [concept] = check('the name of the concept', listOf(named));
  const spelled = (prompts: readonly string[]) => prompts.map((prompt) => names.spelled(prompt));
  const isSaid = hasPictures(request) || concepts.length > 0;
  const forget = orElse(request.forget, own.forget ?? (isSaid ? [] : names.prompts(style)));
  return {
    forget: check('a prompt to forget', spelled(forget)),
    retain: check('a prompt to keep', spelled(orElse(request.retain, own.retain))),
    heldBack: check(
      'a wording that is held back',
      spelled(orElse(request.heldBack ?? [], fitting.heldBack)),
    ),
    anchor,
    concept,
  };
}

/** Whether pictures to forget, of which captions may say what they show, are given. */
function hasPictures({ forgetImages, captions = { forget: [], retain: [] } }: PromptRequest) {
  return forgetImages !== undefined || captions.forget.length > 0;
}

function saidByPreset(
  preset: Preset | undefined,
  style: PromptStyle,
): Partial<PresetWords> & { readonly concept?: string | undefined } {
  return preset ? { ...wordsOfPreset(preset, style), concept: preset.concept } : {};
}

function listOf(word: string | undefined): string[] {
  return word === undefined ? [] : [word];
}

function orElse(given: readonly string[], fallback: readonly string[] = []): readonly string[] {
  return given.length > 0 ? given : fallback;
}

function nothingToForget(imageFolder: string | undefined): AppError {
  return new AppError(
    'prompt.invalid',
    imageFolder === undefined
      ? 'nothing is said of what to forget.'
      : `no image in "${imageFolder}" has a caption. Write what each shows into NAME.txt beside NAME.png, or`,
    {
      remedy:
        imageFolder === undefined
          ? {
              advice: 'Say it',
              settings: [{ setting: 'forget' }, { setting: 'forgetImages' }, { setting: 'preset' }],
            }
          : { advice: 'give prompts', settings: [{ setting: 'forget' }] },
    },
  );
}

function unique(prompts: readonly string[]): string[] {
  return [...new Set(prompts)];
}
