import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import type { JobAttack } from '../../src/contract/attack-view.ts';
import { startTestSidecar, type TestSidecar } from '../helpers/sidecar.ts';

/** Draws and judges in an instant; the quick worker's result is the model itself. */
const settings = { steps: 2, drawSteps: 1, drawCfg: 1, evaluationPictures: 0 };
const few = { steps: 1, count: 1 };

async function finishedJob(sidecar: TestSidecar, heldBack: string[] = []): Promise<string> {
  const { id } = await sidecar.create({ settings, heldBack });
  await sidecar.reaches(id, 'done');
  return id;
}

async function untilEnded({ api }: TestSidecar, id: string): Promise<JobAttack[]> {
  for (;;) {
    const attacks = (await api('get', `/jobs/${id}/attacks`)).body as JobAttack[];
    if (attacks.every(({ state }) => !['queued', 'running'].includes(state))) return attacks;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const ask = ({ api }: TestSidecar, id: string, body: object) =>
  api('post', `/jobs/${id}/attacks`).send(body);

it('attacks run in the queue, are kept with the job and stand in its report', async () => {
  const sidecar = await startTestSidecar();
  const id = await finishedJob(sidecar, ['hearts, many of them']);
  const asked = await ask(sidecar, id, { kinds: ['paraphrase'], ...few });
  expect(asked.status).toBe(202);
  expect(asked.body).toMatchObject([{ kind: 'paraphrase', ...few, seed: 0, result: null }]);
  const again = await ask(sidecar, id, { kinds: ['paraphrase'] });
  expect([again.status, JSON.stringify(again.body)]).toEqual([
    409,
    expect.stringContaining('already'),
  ]);
  const deleted = await sidecar.api('delete', `/jobs/${id}`);
  expect([deleted.status, deleted.text]).toEqual([409, expect.stringContaining('attacked')]);

  const [paraphrase] = await untilEnded(sidecar, id);
  // The result is the model itself: it draws what the original draws.
  expect(paraphrase).toMatchObject({ state: 'done', error: null });
  const { curves, asked: shares } = paraphrase!.result!;
  expect(curves.map((curve) => curve.id)).toEqual(['scrubbed', 'original']);
  expect(curves[0]?.points).toEqual(curves[1]?.points);
  expect(curves[0]?.points[0]).toMatchObject({ label: 'hearts, many of them', pictures: 1 });
  expect(shares.scrubbed).toEqual(shares.original);
  expect(paraphrase!.total).toBe(paraphrase!.done);
  const report = path.join(sidecar.data, 'jobs', id, 'report.html');
  await expect
    .poll(() => readFileSync(report, 'utf8'), { timeout: 20_000 })
    .toContain('Does it come back another way?');
}, 120_000);

it('one that a server did not finish begins again with the next, and can be cancelled', async () => {
  const first = await startTestSidecar();
  const id = await finishedJob(first);
  await ask(first, id, { kinds: ['embedding'], steps: 100_000, count: 1 });
  await first.close();
  const second = await startTestSidecar({ data: first.data });
  const [kept] = (await second.api('get', `/jobs/${id}/attacks`)).body as JobAttack[];
  expect(kept).toMatchObject({ kind: 'embedding', steps: 100_000 });
  expect(['queued', 'running']).toContain(kept?.state);
  const cancelled = await second.api('post', `/jobs/${id}/attacks/cancel`);
  expect(cancelled.body).toMatchObject([{ state: 'cancelled' }]);
  const nothing = await second.api('post', `/jobs/${id}/attacks/cancel`);
  expect(nothing.status).toBe(409);
}, 60_000);

it('what cannot be tried is refused', async () => {
  const sidecar = await startTestSidecar();
  const id = await finishedJob(sidecar);
  const refusals = [
    [{ kinds: ['magic'] }, 'Choose embedding'],
    [{ kinds: [] }, 'kinds'],
    [{ kinds: ['paraphrase'] }, 'held back none'],
  ] as const;
  for (const [body, words] of refusals) {
    const answer = await ask(sidecar, id, body);
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(words)]);
  }
});

it('only what a finished job made is attacked', async () => {
  const sidecar = await startTestSidecar();
  const { id } = await sidecar.create({ settings: { steps: 10_000 } });
  expect((await ask(sidecar, id, { kinds: ['context'] })).status).toBe(409);
  expect((await ask(sidecar, 'nothing', { kinds: ['context'] })).status).toBe(404);
  await sidecar.api('post', `/jobs/${id}/cancel`);
});
