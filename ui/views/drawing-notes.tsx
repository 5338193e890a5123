import { describeDrawing, describeGuesses } from '../../src/drawing/describe-drawing.ts';
import type { Drawing } from '../../src/drawing/drawing.ts';
import type { DrawingSources } from '../../src/drawing/drawing-guess.ts';

interface DrawingNotesProps {
  readonly draws: Drawing;
  readonly sources: DrawingSources;
}

/** How pictures are drawn, and where that was guessed from. */
export function DrawingNotes({ draws, sources }: DrawingNotesProps) {
  return (
    <p class="help" role="note" aria-label="How it is drawn">
      Drawn in {describeDrawing(draws)}.
      {describeGuesses(draws, sources).map((guess) => (
        <span key={guess}> Guessed: {guess}.</span>
      ))}
    </p>
  );
}
