import { type DrawingGuess, noGuess } from '../drawing/drawing-guess.ts';
import { AppError } from '../errors.ts';
import type { Host, HostModel } from './host.ts';

/** How a host's user draws with a model; nothing where the host does not answer, as none of it must be known. */
export async function hostDrawing(host: Host, model: HostModel): Promise<DrawingGuess> {
  try {
    return await host.guessDrawing(model);
  } catch (error) {
    if (error instanceof AppError) return noGuess;
    throw error;
  }
}
