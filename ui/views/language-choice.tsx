import { choose } from '../languages/chosen-language.ts';
import { type Language, language, languages } from '../languages/language.ts';
import { t } from '../languages/words.ts';

/** The language of the page; each is listed in its own words. */
export function LanguageChoice() {
  return (
    <select
      class="language"
      aria-label={t('Language')}
      value={language.value}
      onChange={({ currentTarget }) => void choose(currentTarget.value as Language)}
    >
      {Object.entries(languages).map(([tag, name]) => (
        <option key={tag} value={tag} lang={tag}>
          {name}
        </option>
      ))}
    </select>
  );
}
