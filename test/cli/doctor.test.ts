import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { FakeComfyUi } from '../helpers/fake-comfyui.ts';
import { writeModel } from '../helpers/model-files.ts';
import { callCli, parseEvents, runCli } from '../helpers/run-cli.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

function makeModels() {
  const folder = makeTemporaryFolder();
  const models = path.join(folder, 'web-ui');
  mkdirSync(models);
  writeModel(models, 'a.safetensors');
  return { folder, models };
}

async function hostsAt(url: URL, folder: string) {
  const { status, stdout } = await callCli(['doctor', '--json', '--host-url', url.href], folder);
  expect(status).toBe(0);
  return parseEvents(stdout)[0]!.hosts;
}

describe('erase-concept doctor', () => {
  it('tells what the machine has and that training on the CPU works', async () => {
    const folder = makeTemporaryFolder();
    const { status, stdout, stderr } = await runCli(['doctor', '--json'], folder);
    expect([status, stderr]).toEqual([0, '']);
    const [report] = parseEvents(stdout);
    expect(report).toMatchObject({
      versions: { node: process.versions.node },
      data: { folder: path.join(folder, 'data') },
      hosts: expect.any(Array) as unknown,
    });
    const { devices, memory } = report as {
      devices: { name: string; works: boolean }[];
      memory: { totalBytes: number; freeBytes: number };
    };
    expect(devices.find(({ name }) => name === 'cpu')).toMatchObject({ works: true });
    expect(memory.totalBytes).toBeGreaterThan(memory.freeBytes);
    expect(memory.freeBytes).toBeGreaterThan(0);
  });

  it('says what a GPU that cannot be used is in want of', async () => {
    const { stdout } = await callCli(['doctor'], makeTemporaryFolder());
    expect(stdout).toMatch(/device webgpu +(works|does not work: WebGPU finds no graphics card)/);
  });

  it('tells people of a web UI and the model in use', async () => {
    const { folder, models } = makeModels();
    const fake = new FakeA1111(models, { variant: 'forge-neo' });
    const { server } = await fake.start('a.safetensors');
    const { stdout } = await callCli(['doctor', '--host-url', server.url.href], folder);
    expect(stdout).toContain(`web UI ${server.url.href}`);
    expect(stdout).toContain('Forge Neo, 1 model, in use: a.safetensors');
    expect(stdout).toMatch(/device cpu +works/);
  });

  it('finds ComfyUI, where no model was chosen', async () => {
    const { folder, models } = makeModels();
    const { server } = await new FakeComfyUi([models]).start();
    expect(await hostsAt(server.url, folder)).toEqual([
      {
        ...{ url: server.url.href, kind: 'comfyui', name: 'ComfyUI' },
        ...{ models: 1, activeModel: null, problem: null },
      },
    ]);
  });

  it('says what is wrong where a web UI keeps its models to itself, or is none', async () => {
    const { folder, models } = makeModels();
    const fake = await new FakeA1111(models, { credentials: 'me:secret' }).start('a.safetensors');
    const { url } = fake.server;
    const problem = (code: string) => [
      { problem: { code, message: expect.any(String) as unknown } },
    ];
    expect(await hostsAt(url, folder)).toMatchObject(problem('host.credentials'));
    vi.stubEnv('ERASE_CONCEPT_HOST_AUTH', 'me:secret');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await hostsAt(url, folder)).toMatchObject([{ kind: 'a1111', models: 1, problem: null }]);
    fake.server.down();
    expect(await hostsAt(url, folder)).toMatchObject(problem('host.unreachable'));
  });
});
