import { readFileSync } from 'node:fs';

import { defineConfig } from 'vitepress';

import packageJson from '../../package.json' with { type: 'json' };
import { makeRelative, PLACEHOLDER } from './relative-base.ts';

const repository = packageJson.repository.url.replace(/^git\+|\.git$/g, '');
const icon = readFileSync(new URL('../../ui/icon.svg', import.meta.url), 'utf8');

/** The site of the documents: `npm run docs`, to `docs/.vitepress/dist`. */
export default defineConfig({
  title: 'Erase Concept',
  description: packageJson.description,
  lang: 'en',
  base: PLACEHOLDER,
  head: [
    ['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(icon)}` }],
    // The button's name for screen readers leaves the keys out, and so must what is seen of it.
    ['style', {}, '.DocSearch-Button-Keys { display: none !important }'],
    // The name of a code's language is too pale to read.
    ['style', {}, 'html { --vp-code-lang-color: var(--vp-c-text-2) !important }'],
  ],
  buildEnd: ({ outDir }) => makeRelative(outDir),
  cacheDir: '../node_modules/.cache/vitepress',
  markdown: {
    // The usual themes are too pale on the ground of code.
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config: (markdown) => {
      markdown.core.ruler.push('outside', leadOutside);
      markdown.core.ruler.push('corners', withoutEmptyHeaders);
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repository }],
    outline: [2, 3],
    sidebar: [
      {
        text: 'Use it',
        items: [
          page('Getting started', 'getting-started'),
          page('Forge Neo and its relatives', 'forge-neo'),
          page('ComfyUI', 'comfyui'),
          page('In a web UI', 'web-uis'),
          page('The page', 'page'),
          page('The command line', 'command-line'),
          page('Prompts and anchors', 'prompts'),
          page('Presets', 'presets'),
          page('Reading the report', 'report'),
          page('LoRA or checkpoint', 'lora'),
          page('Memory and cards', 'memory'),
          page('Many machines', 'many-machines'),
          page('How far it scales', 'scale'),
          page('Questions', 'faq'),
          page('When something goes wrong', 'troubleshooting'),
        ],
      },
      {
        text: 'Go deeper',
        items: [
          page('Methods', 'methods'),
          page('Data forgetting', 'data-forgetting'),
          page('Attacks and limits', 'attacks'),
          page('How a model is drawn with', 'drawing'),
          page('Models', 'models'),
          page('Pixel-space models', 'pixel-space'),
          page('API', 'api'),
          page('Benchmarks', 'benchmarks'),
          page('Security', 'security'),
        ],
      },
      {
        text: 'Work on it',
        items: [
          page('Architecture', 'architecture'),
          page('Extending', 'extending'),
          page('The runtime', 'runtime'),
        ],
      },
    ],
  },
});

function page(text: string, name: string) {
  return { text, link: `/${name}` };
}

/** A link as markdown-it keeps it, in a paragraph. */
interface Token {
  readonly type: string;
  readonly content: string;
  readonly children: Token[] | null;
  tag: string;
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
}

/** Links to files outside docs lead to the repository. */
function leadOutside({ tokens }: { tokens: Token[] }): void {
  for (const token of tokens.flatMap(({ children }) => children ?? [])) {
    const href = token.attrGet('href');
    if (href?.startsWith('../')) token.attrSet('href', `${repository}/blob/main/${href.slice(3)}`);
  }
}

/** The empty corner of a table is a cell, and no header, which would be one of nothing. */
function withoutEmptyHeaders({ tokens }: { tokens: Token[] }): void {
  for (const [i, content] of tokens.entries()) {
    const [open, close] = [tokens[i - 1], tokens[i + 1]];
    if (open?.type !== 'th_open' || content.content !== '' || !close) continue;
    open.tag = close.tag = 'td';
  }
}
