import { AppError } from '../../errors.ts';
import { clipWords } from '../../tokenizer/clip-tokenizer.ts';

/** Far longer than any prompt that means something; a file given by mistake is longer. */
const MAX_PROMPT_CHARACTERS = 10_000;

/**
 * Prompts without spaces around them, each once.
 *
 * @param said what each is, as a subject
 * @throws AppError `prompt.invalid`
 */
export function checkPrompts(said: string, prompts: readonly string[]): string[] {
  for (const prompt of prompts) {
    if (prompt.trim() === '') {
      throw new AppError(
        'prompt.invalid',
        `${said} is empty. Give one or more words, in quotation marks where it has several.`,
      );
    }
    if (prompt.length > MAX_PROMPT_CHARACTERS) {
      throw new AppError(
        'prompt.invalid',
        `${said} that begins "${prompt.slice(0, 40)}…" has ${prompt.length} characters, more than ${MAX_PROMPT_CHARACTERS}. Shorten it.`,
      );
    }
  }
  return withoutRespellings(prompts.map((prompt) => prompt.trim()));
}

/** The captions of a folder's pictures; none of no folder. */
export async function readCaptions(folder: string | undefined): Promise<string[]> {
  if (folder === undefined) return [];
  // Loaded here, not at the start: it brings the image library, which a request of words need not.
  const { readImageFolder } = await import('../../images/image-folder.ts');
  const images = await readImageFolder(folder);
  return images.flatMap(({ caption }) => caption ?? []);
}

/** Each prompt once, however its letters and spaces are written: a text encoder reads the same. */
function withoutRespellings(prompts: readonly string[]): string[] {
  const byWords = new Map<string, string>();
  for (const prompt of prompts) {
    const words = clipWords(prompt).join(' ');
    if (!byWords.has(words)) byWords.set(words, prompt);
  }
  return [...byWords.values()];
}
