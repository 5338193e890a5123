import type { ErrorBody } from '../../src/contract/views.ts';
import { placeInPage } from '../../src/remedy.ts';
import { dictionary } from './language.ts';
import { told } from './told.ts';
import { t } from './words.ts';

/**
 * An error for a person: in English as the server says it, in other languages what its code means,
 * where to set something otherwise, and the server's own words, which name files and values.
 */
export function wordError({
  code,
  message,
  remedy,
}: {
  readonly code: string;
  readonly message: string;
  readonly remedy?: ErrorBody['error']['remedy'] | undefined;
}): string {
  const sentence = dictionary.value?.errors[code];
  if (sentence === undefined) return told(message);
  const places = remedy?.settings.map(({ setting, value }) => {
    const place = told(placeInPage(setting));
    return value === undefined ? place : `${place}: ${value}`;
  });
  const help = places ? [t('To be set otherwise {places}.', { places: places.join(', ') })] : [];
  return [sentence, ...help, `(${message})`].join(' ');
}
