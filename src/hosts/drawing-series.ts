import { AppError } from '../errors.ts';
import { isBlack } from '../images/is-black.ts';
import { becomesIdle } from './becomes-idle.ts';
import type { Host, HostPicture, PictureRequest } from './host.ts';
import { modelGone } from './model-gone.ts';
import type { HostTimeouts } from './host-timeouts.ts';
import type { ModelInUse } from './model-in-use.ts';

/** What a host's pictures are drawn with. */
export interface DrawingTools {
  readonly host: Host;
  readonly model: ModelInUse;
  readonly timeouts: HostTimeouts;
}

interface Series extends DrawingTools {
  /** How long to wait for what the host draws for others, in ms. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Told what a person should know. */
  readonly tell: (message: string) => void;
}

/** Draws a picture with a model of the host; with it comes how long that took. */
type DrawTimed = (
  request: PictureRequest & { readonly model: string },
) => Promise<{ readonly picture: HostPicture; readonly seconds: number }>;

/**
 * Has a host draw one picture after another, each once it has nothing else to draw. Afterwards it has
 * its active model again.
 *
 * @throws the signal's reason; AppError `host.*`, `model.not-found`
 */
export async function drawSeries<T>(
  series: Series,
  work: (draw: DrawTimed) => Promise<T>,
): Promise<T> {
  const { host, model, signal, tell } = series;
  try {
    return await work(async (request) => {
      await waitUntilIdle(series);
      await model.beginDrawing(request.model);
      const started = performance.now();
      const picture = await host.draw(request, signal);
      if (picture === null) throw new Error('a host that draws has drawn nothing');
      const seconds = (performance.now() - started) / 1000;
      if (await isBlack(picture.bytes)) throw drewBlack(request.model);
      return { picture, seconds };
    });
  } finally {
    await host.restoreActive().catch((error: unknown) => {
      if (!(error instanceof AppError)) throw error;
      tell(`The web UI may still have the model loaded that drew: ${error.message}`);
    });
    await model.endDrawing();
  }
}

/** Web UIs send a black picture, as if nothing were wrong, where numbers overflow. */
function drewBlack(model: string): AppError {
  return new AppError(
    'host.failed',
    `the web UI drew a black picture with "${model}": its 16-bit floats overflow, mostly in the VAE. Start it with --no-half-vae (ComfyUI and Forge Neo: --fp32-vae, Forge: --vae-in-fp32), then try again.`,
  );
}

/**
 * The host's name of a model.
 *
 * @throws AppError `model.not-found`
 */
export async function modelNameAt(host: Host, file: string): Promise<string> {
  const known = (await host.listModels()).find(({ path }) => path === file);
  if (!known) throw modelGone(file);
  return known.name;
}

async function waitUntilIdle({ host, timeouts, waitMs, signal, tell }: Series): Promise<void> {
  const { pollMs } = timeouts;
  const onBusy = () => {
    tell('The web UI is drawing pictures: those of this job come when it has finished.');
  };
  if (await becomesIdle(host, { timeoutMs: waitMs, pollMs, signal, onBusy })) return;
  throw new AppError(
    'host.busy',
    'the web UI has been drawing other pictures for too long. Try again when it has finished.',
  );
}
