import { computed, signal } from '@preact/signals';

/** The languages of the page, each called as its speakers call it. */
export const languages = {
  en: 'English',
  de: 'Deutsch',
  es: 'Español',
  fr: 'Français',
  ja: '日本語',
  'zh-CN': '简体中文',
} as const;
export type Language = keyof typeof languages;

/** Each a file of its own, loaded where it is chosen. English is written where it is shown. */
const loaders = {
  de: () => import('./de.json', { with: { type: 'json' } }),
  es: () => import('./es.json', { with: { type: 'json' } }),
  fr: () => import('./fr.json', { with: { type: 'json' } }),
  ja: () => import('./ja.json', { with: { type: 'json' } }),
  'zh-CN': () => import('./zh-CN.json', { with: { type: 'json' } }),
} satisfies Record<Exclude<Language, 'en'>, () => Promise<{ default: Dictionary }>>;

/** What a language calls things: `page` by the English of the page, `program` by that of the server. */
export interface Dictionary {
  readonly page: Readonly<Record<string, string>>;
  readonly program: Readonly<Record<string, string>>;
  /** What is said of an error, by its code. */
  readonly errors: Readonly<Record<string, string>>;
}
type Loaded = Awaited<ReturnType<(typeof loaders)['de']>>['default'];

/** A text of the page, in English: any other is no key of the dictionaries, and not taken. */
export type Text = keyof Loaded['page'];

const spoken = signal<{ readonly language: Language; readonly dictionary: Dictionary | null }>({
  language: 'en',
  dictionary: null,
});
export const language = computed(() => spoken.value.language);
/** Null in English, which needs none. */
export const dictionary = computed(() => spoken.value.dictionary);

/** As `Intl` takes it. English has dates as before: the day first. */
export const locale = computed(() => (language.value === 'en' ? 'en-GB' : language.value));

/** Has the page speak a language from now on. */
export async function speak(wanted: Language): Promise<void> {
  const loaded = wanted === 'en' ? null : (await loaders[wanted]()).default;
  spoken.value = { language: wanted, dictionary: loaded };
}

/**
 * The first language that a person reads and the page has.
 *
 * @param tags BCP 47, the most wanted first: `de-AT`, `zh-Hans`
 */
export function languageFor(tags: readonly string[]): Language {
  for (const tag of tags) {
    const wanted = scriptOf(tag);
    const found = (Object.keys(languages) as Language[]).find((one) => scriptOf(one) === wanted);
    if (wanted !== null && found) return found;
  }
  return 'en';
}

/** Language with its script: Chinese in traditional characters is not the one that the page has. */
function scriptOf(tag: string): string | null {
  try {
    const { language: name, script } = new Intl.Locale(tag).maximize();
    return `${name}-${script ?? ''}`;
  } catch {
    return null;
  }
}
