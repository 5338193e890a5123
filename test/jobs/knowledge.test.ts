import { expect, it } from 'vitest';

import type { Knowledge } from '../../src/contract/knowledge.ts';
import { startTestSidecar, type TestSidecar, tinyModel } from '../helpers/sidecar.ts';

const ask = ({ api }: TestSidecar, body: object) =>
  api('post', '/knowledge').send({ model: tinyModel, count: 2, device: 'cpu', ...body });

async function untilOver({ api }: TestSidecar, id: string): Promise<Knowledge> {
  for (;;) {
    const answer = (await api('get', `/knowledge/${id}`)).body as Knowledge;
    if (answer.state !== 'running') return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

it('a server answers whether a model knows something', async () => {
  const sidecar = await startTestSidecar();
  const prompts = ['a red star in the style of Pontilla'];
  const asked = await ask(sidecar, { prompts, concept: 'Pontilla' });
  expect(asked.status).toBe(202);
  const { id } = asked.body as Knowledge;
  const answer = await untilOver(sidecar, id);
  expect(answer).toMatchObject({ state: 'done', error: null, done: 5, total: 5 });
  expect(answer.prompts).toMatchObject([{ prompt: prompts[0], isKnown: true }]);

  // Two words that no prompt has, as the page words it.
  const without = (await ask(sidecar, { prompts, concept: 'Flatto' })).body as Knowledge;
  expect(await untilOver(sidecar, without.id)).toMatchObject({
    state: 'failed',
    error: expect.stringMatching(/"Flatto" does not say.*under “Name of the concept”/) as string,
  });

  const ended = (await ask(sidecar, { prompts })).body as Knowledge;
  const cancelled = await sidecar.api('post', `/knowledge/${ended.id}/cancel`).send();
  expect(cancelled.body).toMatchObject({ state: 'cancelled', prompts: null });
  const unknown = await sidecar.api('get', '/knowledge/none');
  expect([unknown.status, unknown.text]).toEqual([404, expect.stringContaining('ask again')]);
}, 120_000);
