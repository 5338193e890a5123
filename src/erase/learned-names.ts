import type { PromptStyle } from '../drawing/prompt-style.ts';

/** A name as people write it in prompts, ComfyUI's `embedding:` before it. */
interface KnownName {
  readonly name: string;
  readonly pattern: RegExp;
  /** A name of one word that no language has, in the place of one that may look like anything. */
  readonly standIn: string;
}

/**
 * Names of learned words (textual inversion) in prompts. They are names of files, `sks_v2-1500` say, which read
 * as words are several, or none.
 */
export class LearnedNames {
  private readonly known: readonly KnownName[];

  constructor(names: readonly string[]) {
    this.known = names.map((name, i) => ({
      name,
      pattern: new RegExp(
        `(?<![\\p{L}\\p{N}_])(?:embedding:)?${escaped(name)}(?:\\.(?:safetensors|pt|bin))?(?![\\p{L}\\p{N}_])`,
        'giu',
      ),
      standIn: `${String.fromCharCode(65 + (i % 26))}vexqualor`,
    }));
  }

  /** A prompt with the names as the text encoder knows them. */
  spelled(prompt: string): string {
    return this.known.reduce(
      (text, { name, pattern }) => text.replace(pattern, () => name),
      prompt,
    );
  }

  /** A prompt that is read in the place of one, where it is read as language. */
  hidden(prompt: string): string {
    return this.known.reduce(
      (text, { pattern, standIn }) => text.replace(pattern, () => standIn),
      prompt,
    );
  }

  /** What was made of such a prompt, in the names again. */
  shown(text: string): string {
    return this.known.reduce((whole, { name, standIn }) => whole.replaceAll(standIn, name), text);
  }

  /** What of them is in none of the prompts, in a sentence each. */
  unusedIn(prompts: readonly string[]): string[] {
    const unused = this.known.filter(({ pattern }) =>
      prompts.every((prompt) => prompt.search(pattern) < 0),
    );
    return unused.map(
      ({ name }) =>
        `No prompt to forget holds the word "${name}", so that its embedding changes nothing. Write it into one.`,
    );
  }

  /** All of them, as what is forgotten; undefined where there are none. */
  get concept(): string | undefined {
    return this.known.length === 0 ? undefined : this.known.map(({ name }) => name).join(' ');
  }

  /** What draws them, where nobody says it: each by itself and in a sentence or two. */
  prompts(style: PromptStyle): string[] {
    return this.known.flatMap(({ name }) =>
      style === 'tags'
        ? [name, `1girl, solo, ${name}`, `${name}, upper body`]
        : [name, `a photo of ${name}`, `a picture, ${name}`],
    );
  }
}

function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
