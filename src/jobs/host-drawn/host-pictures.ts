import type { EraseEvent } from '../../erase/events.ts';
import type { EraseJob } from '../../erase/job.ts';
import { AppError } from '../../errors.ts';
import { drawSeries, type DrawingTools, modelNameAt } from '../../hosts/drawing-series.ts';
import type { GraphicsMemory } from '../../hosts/graphics-memory.ts';
import type { Host } from '../../hosts/host.ts';
import { hostRequestOf } from './host-request.ts';
import { PictureStore } from './picture-store.ts';
import type { PicturesBy, PicturesWish } from '../../contract/pictures-wish.ts';

/** A job whose sets are to be drawn. */
interface Drawing {
  readonly job: EraseJob;
  /** The job's. */
  readonly folder: string;
  readonly wish: PicturesWish;
  /** Who draws them; null where it was not found out yet. */
  readonly decided: PicturesBy | null;
  /** Told once it is found out. */
  readonly onDecided: (by: PicturesBy) => Promise<void>;
  readonly onEvent: (event: EraseEvent) => void;
  readonly signal: AbortSignal;
}

interface PictureTools extends DrawingTools {
  readonly memory: GraphicsMemory;
  /** Seconds that each picture of a job takes without the host. */
  readonly secondsHere: (job: EraseJob, signal: AbortSignal) => Promise<number>;
}

/** A host is measured by the faster one of so many pictures: for the first it loads the model. */
const MEASURED_PICTURES = 2;

/** Has the host draw the pictures of jobs' sets, where it shall, or where it is the faster one. */
export class HostPictures {
  private readonly tools: PictureTools;

  constructor(tools: PictureTools) {
    this.tools = tools;
  }

  /**
   * Draws what is missing of a job's pictures, if the host is to draw them. Where the choice is left
   * open, a host that cannot draw does not hinder the job: the model draws by itself then.
   *
   * @throws the signal's reason; where the host was chosen AppError `host.*`, `model.not-found`
   */
  async draw(drawing: Drawing): Promise<void> {
    const { wish, decided, job, folder, signal, onDecided } = drawing;
    if (wish === 'sidecar' || decided === 'sidecar') return;
    const store = new PictureStore(job, folder);
    if (store.total === 0 || (await store.isComplete())) return;
    if (wish === 'auto' && !this.tools.host.canDraw) return;
    try {
      await this.requireReady(drawing);
      const by = await this.tools.memory.keep(() => this.drawMissing(drawing, store), signal);
      if (by === 'host') await store.complete();
      else await store.abandon();
    } catch (error) {
      if (wish === 'host' || signal.aborted || !isOfHost(error)) throw error;
      await onDecided('sidecar');
      await store.abandon();
      tell(
        drawing,
        `The web UI does not draw the pictures, the model does it here: ${error.message}`,
      );
    }
  }

  /** Where somebody else needs the host, a job that can do without it does. */
  private async requireReady({ wish, decided }: Drawing): Promise<void> {
    const { host, memory } = this.tools;
    requireDrawing(host);
    if (wish === 'host') return;
    if (memory.isLent) throw new AppError('host.busy', 'another erasure trains in its memory.');
    // It may be at a picture that the job asked for before it was cancelled.
    if (decided === 'host') return;
    if (await host.isBusy()) throw new AppError('host.busy', 'it is drawing other pictures.');
  }

  private drawMissing(drawing: Drawing, store: PictureStore): Promise<PicturesBy> {
    const { host, timeouts } = this.tools;
    const { job, signal, onDecided, onEvent } = drawing;
    const tellAll = (message: string) => {
      tell(drawing, message);
    };
    const { trainingMs: waitMs } = timeouts;
    return drawSeries({ ...this.tools, waitMs, signal, tell: tellAll }, async (draw) => {
      const missing = await store.missing();
      onEvent({ event: 'phase', phase: 'generate' });
      const model = await modelNameAt(host, job.model.path);
      let by = drawing.wish === 'host' ? 'host' : drawing.decided;
      const times: number[] = [];
      for (const [i, picture] of missing.entries()) {
        const { picture: drawn, seconds } = await draw({
          ...{ model, ...hostRequestOf(job.settings, picture) },
        });
        await store.add(picture, drawn);
        times.push(seconds);
        const left = missing.length - i - 1;
        const etaSeconds = left * Math.min(...times.slice(-MEASURED_PICTURES));
        onEvent({ event: 'drawing', done: store.total - left, total: store.total, etaSeconds });
        if (by !== null || left === 0) continue;
        by = await this.decide(drawing, times);
        if (by !== null) await onDecided(by);
        if (by === 'sidecar') return by;
      }
      return 'host';
    });
  }

  /** Who is the faster one; null where one more picture is to be measured. */
  private async decide(drawing: Drawing, seconds: readonly number[]): Promise<PicturesBy | null> {
    const { job, signal } = drawing;
    const there = Math.min(...seconds);
    let here: number;
    try {
      here = await this.tools.secondsHere(job, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof AppError)) throw error;
      // It draws, and a device that takes too long to be tried is not the faster one.
      note(drawing, `The web UI draws the pictures: ${error.message}`);
      return 'host';
    }
    const [a, b] = [there, here].map((value) => `${value.toPrecision(2)} s`);
    if (there <= here) {
      note(drawing, `The web UI draws the pictures: ${a} each, here each would take about ${b}.`);
      return 'host';
    }
    if (seconds.length < MEASURED_PICTURES) return null;
    note(drawing, `The model draws the pictures here: about ${b} each, the web UI takes ${a}.`);
    return 'sidecar';
  }
}

/** @throws AppError `host.unreachable` where there is no host that draws */
export function requireDrawing({ canDraw }: Host): void {
  if (canDraw) return;
  throw new AppError(
    'host.unreachable',
    'there is no web UI that could draw the pictures. Start the sidecar with --host-url, or leave the pictures to the sidecar.',
  );
}

function tell({ onEvent }: Drawing, message: string): void {
  onEvent({ event: 'notice', message });
}

function note({ onEvent }: Drawing, message: string): void {
  onEvent({ event: 'note', message });
}

function isOfHost(error: unknown): error is AppError {
  if (!(error instanceof AppError)) return false;
  return error.code.startsWith('host.') || error.code === 'model.not-found';
}
