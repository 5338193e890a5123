/** A piece of HTML that is safe to stand in a page as it is. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Content = Markup | string | number | null | readonly Content[];

/**
 * HTML from a template. Whatever is filled in is text, or the value of a quoted attribute, and
 * escaped; only what came out of `html` itself stays as it is. Null is nothing, lists are joined.
 */
export function html(template: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const filled = contents.map((content, i) => `${render(content)}${template[i + 1] ?? ''}`);
  return new Markup(`${template[0] ?? ''}${filled.join('')}`);
}

function render(content: Content): string {
  if (content === null) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'object') return content.map(render).join('');
  return escape(String(content));
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that no page may hold are replaced, as those that turn the direction of a line. */
function escape(text: string): string {
  return text
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g, '\ufffd')
    .replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
