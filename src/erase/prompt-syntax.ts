import { AppError } from '../errors.ts';
import { findChoice, type PromptChoice } from '../tokenizer/prompt-choices.ts';
import { leftOutOfPrompts, promptText } from '../tokenizer/prompt-text.ts';
import { promptWords } from '../tokenizer/prompt-words.ts';
import { listed, quote } from './quote.ts';

const choiceNames: Readonly<Record<PromptChoice['kind'], string>> = {
  alternate: 'changes from step to step',
  schedule: 'changes on the way',
  random: 'is drawn by lot for each picture',
};

interface RefusedSyntax {
  readonly pattern: RegExp;
  /** Whether a prompt with it means it. Default: yes. */
  readonly isMeant?: (prompt: string) => boolean;
  readonly what: string;
  readonly remedy: string;
}

/** What makes a prompt more than one text, with what to write in its place. */
const refused: readonly RefusedSyntax[] = [
  {
    // `re_AND` of AUTOMATIC1111's modules/prompt_parser.py.
    pattern: new RegExp(wordOf('AND'), 'u'),
    isMeant: (prompt) => !isShouted(prompt),
    what: 'joins two pictures in the web UI',
    remedy: 'Give each part as a prompt of its own; if the word is meant, write "and".',
  },
  {
    pattern: new RegExp(wordOf('ADD(?:COMM|BASE|COL|ROW)'), 'u'),
    what: 'gives each part of the picture its own prompt, by an extension of the web UI',
    remedy: 'Give each part as a prompt of its own.',
  },
  {
    pattern: /\.(?:and|blend|swap)\(/,
    what: 'is a function of InvokeAI, which mixes prompts',
    remedy: 'Give each as a prompt of its own.',
  },
  {
    pattern: /(?<![\p{L}\p{N}])__[\p{L}\p{N}~@*][\p{L}\p{N}_./*~ -]*?__/u,
    what: 'is a wildcard: only the web UI knows the words that it stands for',
    remedy: 'Write prompts with the words themselves.',
  },
  {
    pattern: /\$\{[^}]*\}/,
    what: 'is a variable: only the web UI knows what it stands for',
    remedy: 'Write prompts with the words themselves.',
  },
];

/** Embeddings that many people have; to a text encoder each is nothing but a name. */
const embeddingNames = [
  'easynegative(?:v2)?',
  'bad-?handsv?4|bad-?handv4|bad-hands-5',
  'bad_prompt(?:_version2)?',
  'bad-artist(?:-anime)?',
  'bad-image-v2-39000',
  'bad-picture-chill-75v',
  '(?:ng_)?deepnegative(?:_v1_75t|v2)?',
  'verybadimagenegative_v1\\.[1-3]',
  '(?:bad|unrealistic)dream',
  'fastnegative(?:v2)?',
  'negative_hand(?:-neg)?',
  'negativexl_d',
  'unaestheticxlv\\d\\w*',
  'cyberrealistic_negative\\w*',
  'juggernautnegative(?:-neg)?',
  'boring_e621(?:_v4)?',
];

const embeddingReason =
  'read as plain words: no embedding (textual inversion) of that name is given. Give its file, or say in words what it draws';

/** What is read as plain text although somebody may mean more by it. */
const readAsText = [
  { pattern: /<\p{L}[\p{L}\p{N}_ -]*>/gu, reason: embeddingReason },
  {
    pattern: new RegExp(`(?<![\\w-])(?:${embeddingNames.join('|')})(?![\\w-])`, 'gi'),
    reason: embeddingReason,
  },
  {
    pattern:
      /(?:[)"]|(?<![\p{L}\p{N}])(?!(?:c|g|notepad)\+)[\p{L}\p{N}]+)(?:\+{2,}|-{2,})(?=[\s,.)]|$)/giu,
    reason: 'read as text: the weights of InvokeAI are not known here. Write (word:1.2)',
  },
  {
    pattern: /\{[^{}|]*\p{L}[^{}|]*\}/gu,
    reason: 'read as text: the braces of NovelAI are no emphasis here. Write (word:1.05)',
  },
  {
    pattern: /\([^()]*:\s*\d+,\d+\s*\)/g,
    reason: 'read as text, not as a weight. Write the number with a point, as in (word:1.3)',
  },
  {
    pattern: new RegExp(
      `\\[[^[\\]]*${wordOf('BREAK')}[^[\\]]*\\]|\\([^()]*${wordOf('BREAK')}[^()]*\\)`,
      'gu',
    ),
    reason:
      'BREAK inside brackets is read as a word, as in AUTOMATIC1111. Write it outside of them',
  },
  {
    pattern: /\S+#\S*|(?<!\S)#(?:\p{N}|[\da-f]{6}\b)\S*/giu,
    reason:
      'read as it stands. AUTOMATIC1111 and Forge take what follows # for a comment and leave it out',
  },
  {
    pattern: new RegExp(wordOf('AND'), 'gu'),
    reason: 'read as the word "and", as all letters are capitals. Web UIs join two pictures by it',
  },
];

/**
 * Looks prompts through for what is syntax in web UIs.
 *
 * @returns what is left out or read as text, each kind once, for people
 * @throws AppError `prompt.invalid` for what is no single text, or has none
 */
export function checkSyntax(prompts: readonly string[]): string[] {
  for (const prompt of prompts) requireOneText(prompt);
  return [...describe(prompts, leftOutOfPrompts), ...describe(prompts.map(promptText), readAsText)];
}

function requireOneText(prompt: string): void {
  const text = promptText(prompt);
  if (promptWords(prompt).length === 0) {
    throw new AppError(
      'prompt.invalid',
      `nothing of the prompt ${quote(prompt)} is text that a model can draw. Say in words what it shows.`,
    );
  }
  const choice = findChoice(text);
  if (choice) {
    const escaped =
      choice.kind === 'random' ? '' : '; if the brackets are meant, write \\[ and \\]';
    throw new AppError(
      'prompt.invalid',
      `the prompt ${quote(prompt)} ${choiceNames[choice.kind]} (${quote(choice.source)}), but each prompt must say one thing. Give instead: ${listed(choice.variants.map(quote))}${escaped}.`,
    );
  }
  for (const { pattern, isMeant, what, remedy } of refused) {
    const [found] = pattern.exec(text) ?? [];
    if (found === undefined || isMeant?.(text) === false) continue;
    throw new AppError(
      'prompt.invalid',
      `the prompt ${quote(prompt)} is more than one text: ${quote(found)} ${what}. ${remedy}`,
    );
  }
}

/** Source of a pattern for a word that stands by itself. */
function wordOf(source: string): string {
  return `(?<![\\p{L}\\p{N}_])${source}(?![\\p{L}\\p{N}_])`;
}

/** Whether a prompt has capitals only, so that they mean nothing. */
function isShouted(prompt: string): boolean {
  return !/[\p{Ll}\p{Lo}]/u.test(prompt);
}

function describe(
  prompts: readonly string[],
  constructs: readonly { readonly pattern: RegExp; readonly reason: string }[],
): string[] {
  return constructs.flatMap(({ pattern, reason }) => {
    const found = prompts.flatMap((prompt) => prompt.match(pattern) ?? []);
    return found.length === 0 ? [] : [`${listed(found.map(quote))}: ${reason}.`];
  });
}
