import { type Language, languageFor, languages, speak } from './language.ts';

const key = 'erase-concept:language';

/** Speaks what was chosen here before, else what the browser asks for. */
export async function speakChosen(): Promise<void> {
  await use(remembered() ?? languageFor(navigator.languages));
}

/** Speaks a language now and at the next visit. */
export async function choose(language: Language): Promise<void> {
  await use(language);
  try {
    localStorage.setItem(key, language);
  } catch {
    // A frame of another site may keep nothing: it is asked again next time.
  }
}

async function use(language: Language): Promise<void> {
  await speak(language);
  document.documentElement.lang = language;
}

function remembered(): Language | null {
  try {
    const stored = localStorage.getItem(key);
    return stored !== null && Object.hasOwn(languages, stored) ? (stored as Language) : null;
  } catch {
    return null;
  }
}
