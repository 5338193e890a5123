import { IntlMessageFormat } from 'intl-messageformat';
import { type ComponentChildren, createElement } from 'preact';

import { dictionary, language, locale, type Text } from './language.ts';

/** What fills a text's `{places}`, by their names. */
export type Values = Readonly<Record<string, string | number>>;

/**
 * A text of the page in the language that it speaks. Called where it is shown, so that it follows the
 * language.
 *
 * @param text in English, as ICU MessageFormat: `{count, plural, one {# picture} other {# pictures}}`
 */
export function t(text: Text, values: Values = {}): string {
  return messageFor(text, dictionary.value?.page[text]).format(values) as string;
}

/** The same with `<b>`, `<strong>` and `<code>` in it. */
export function rich(text: Text, values: Values = {}): ComponentChildren {
  const message = messageFor(text, dictionary.value?.page[text]);
  return message.format<ComponentChildren>({ ...values, ...tags }) as ComponentChildren;
}

type Chunks = ComponentChildren[];
const tags = {
  b: (chunks: Chunks) => createElement('b', null, chunks),
  strong: (chunks: Chunks) => createElement('strong', null, chunks),
  code: (chunks: Chunks) => createElement('code', null, chunks),
};

const messages = new Map<string, IntlMessageFormat>();

/** Read once in each language. */
function messageFor(text: string, translated = text): IntlMessageFormat {
  const key = `${language.value} ${text}`;
  let message = messages.get(key);
  if (message === undefined) {
    message = new IntlMessageFormat(translated, locale.value);
    messages.set(key, message);
  }
  return message;
}
