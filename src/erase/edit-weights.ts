import { asDrawn } from '../drawing/drawing.ts';
import { AppError } from '../errors.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import type { WeightsMethod } from '../methods/method.ts';
import type { EraseSettings } from '../methods/registry.ts';
import type { EraseJob } from './job.ts';
import type { NewWeights } from './new-weights.ts';
import type { RunIo } from './run-io.ts';

/**
 * Finds new weights by a method that takes no steps. No more than one tensor is in memory at a time:
 * each is read and changed when it is to be written. It takes so little that nothing of it is kept for
 * a resumed run.
 *
 * @throws the signal's reason; AppError `checkpoint.*`, `device.*`
 */
export async function editWeights(
  checkpoint: Checkpoint,
  job: EraseJob,
  method: WeightsMethod<EraseSettings>,
  { onEvent, signal }: RunIo,
): Promise<NewWeights> {
  const { file, condition, groups } = checkpoint;
  const { settings, device, threads } = job;
  onEvent({ event: 'phase', phase: 'encode' });
  const inFull = (prompt: string) => asDrawn(prompt, settings);
  const forget = new Map(job.forget.map(({ prompt, anchor }) => [inFull(prompt), inFull(anchor)]));
  const retain = job.retain.map(inFull);
  const texts = ['', ...forget.keys(), ...forget.values(), ...retain];
  const { clipSkip } = settings;
  const { prompts: encoded } = await condition.encode(texts, { device, threads, clipSkip });
  signal.throwIfAborted();
  onEvent({ event: 'phase', phase: 'edit' });
  const edit = await method.solve({
    ...{ settings, checkpoint, threads },
    prompts: { forget, retain, encoded },
  });
  const names = groups.namesOf(method.train);
  const started = performance.now();
  let done = 0;
  const change = async (name: string): Promise<Float32Array> => {
    signal.throwIfAborted();
    const shape = file.tensors.get(name)?.shape;
    if (!shape) throw new AppError('internal.unexpected', `the model has no tensor "${name}"`);
    const changed = await edit.apply(await file.readFloat32(name), shape);
    done += 1;
    const seconds = (performance.now() - started) / 1000;
    const etaSeconds = (seconds / done) * (names.length - done);
    onEvent({ event: 'editing', done, total: names.length, etaSeconds });
    return changed;
  };
  return {
    replaced: new Map(names.map((name) => [name, () => change(name)])),
    change: null,
    steps: 1,
    release: () => edit.release(),
  };
}
