import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import type { Health, ModelView } from '../../src/contract/views.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { writeModel } from '../helpers/model-files.ts';
import { runCli } from '../helpers/run-cli.ts';
import { serve } from '../helpers/serve.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

async function startHost() {
  const data = makeTemporaryFolder();
  const models = path.join(data, 'web-ui');
  mkdirSync(models);
  writeModel(models, 'a.safetensors');
  const fake = await new FakeA1111(models, { credentials: 'me:se-cret' }).start('a.safetensors');
  vi.stubEnv('ERASE_CONCEPT_HOST_AUTH', 'me:se-cret');
  onTestFinished(() => void vi.unstubAllEnvs());
  return { data, fake };
}

describe('erase-concept serve --host-url', () => {
  it('finds out what the web UI is, takes its models and keeps its credentials to itself', async () => {
    const { data, fake } = await startHost();
    const sidecar = await serve(data, ['--host-url', fake.server.url.href]);
    const models = await sidecar.get<ModelView[]>('/models');
    expect(models).toMatchObject([{ name: 'a.safetensors', isActive: true }]);
    expect((await sidecar.get<Health>('/health')).host).toEqual({
      kind: 'a1111',
      reachable: true,
      canDraw: true,
    });
    fake.server.faults.set('GET /sdapi/v1/sd-models', { status: 401, body: {} });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await expect(sidecar.get('/models')).rejects.toThrow(/503 .*host\.credentials/);
    const files = readdirSync(data, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1'));
    const basic = Buffer.from('me:se-cret').toString('base64');
    for (const text of [...files, sidecar.stderr()]) {
      expect(text).not.toContain('se-cret');
      expect(text).not.toContain(basic);
    }
  });

  it.each([
    [['--host-url', 'http://me:se-cret@127.0.0.1:7860/'], /ERASE_CONCEPT_HOST_AUTH/],
    [['--host', 'invokeai'], /standalone, a1111, comfyui/],
  ])('refuses %s', async (args, message) => {
    const folder = makeTemporaryFolder();
    const { status, stderr } = await runCli(['serve', '--port', '0', ...args], folder);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});
