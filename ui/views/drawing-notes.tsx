import { drawingParts, guessedParts } from '../../src/drawing/describe-drawing.ts';
import type { Drawing } from '../../src/drawing/drawing.ts';
import type { DrawingSources } from '../../src/drawing/drawing-guess.ts';
import { told } from '../languages/told.ts';
import { t } from '../languages/words.ts';

interface DrawingNotesProps {
  readonly draws: Drawing;
  readonly sources: DrawingSources;
}

/** How pictures are drawn, and where that was guessed from. */
export function DrawingNotes({ draws, sources }: DrawingNotesProps) {
  return (
    <p class="help" role="note" aria-label={t('How it is drawn')}>
      {t('Drawn in {how}.', { how: inWords(drawingParts(draws)) })}
      {guessedParts(draws, sources).map(({ parts, source }) => (
        <span key={source}>
          {' '}
          {t('Guessed: {what} from {source}.', { what: inWords(parts), source: told(source) })}
        </span>
      ))}
    </p>
  );
}

const inWords = (parts: readonly string[]) => parts.map(told).join(', ');
