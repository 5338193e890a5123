/**
 * A prompt with every `{name}` replaced. An `a` or `an` before it is made to fit: `a {thing}` with
 * `apple` gives `an apple`.
 *
 * @param replace what stands for a name
 */
export function fillTemplate(template: string, replace: (name: string) => string): string {
  return template.replace(
    /(?:\b(an?) )?\{([a-z][a-zA-Z0-9]*)\}/g,
    (_, article: string | undefined, name: string) => {
      const words = replace(name);
      return article === undefined ? words : `${articleFor(words)} ${words}`;
    },
  );
}

/** `a` or `an`, by the first letter, which is right for nearly all words of prompts. */
export function articleFor(words: string): 'a' | 'an' {
  return /^[aeiou]/i.test(words) ? 'an' : 'a';
}
