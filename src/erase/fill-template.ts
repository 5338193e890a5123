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

/** `a` or `an`, by the first letters: `an apple`, `a uniform`, `an hour`. */
export function articleFor(words: string): 'a' | 'an' {
  if (/^(?:uni(?![mn])|us[aeiu]|ut[aeio]|eu|ewe|one\b|once\b)/i.test(words)) return 'a';
  return /^(?:[aeiou]|hour|heir|honest|honou?r)/i.test(words) ? 'an' : 'a';
}
