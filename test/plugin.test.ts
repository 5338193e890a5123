import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import supertest from 'supertest';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

import packageJson from '../package.json' with { type: 'json' };
import { createProgram } from '../src/cli/program.ts';
import { addServeCommand } from '../src/cli/commands/serve.ts';
import { openTerminal } from '../src/cli/terminal.ts';
import { readConfig } from '../src/config.ts';
import { startTestSidecar } from './helpers/sidecar.ts';

const root = path.resolve(import.meta.dirname, '..');
const pluginSchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  title: z.string(),
  description: z.string(),
  start: z.array(z.string()).min(1),
  port: z.int(),
  health: z.string(),
  node: z.string(),
  permissions: z.array(z.string()).min(1),
});
const plugin = pluginSchema.parse(parse(readFileSync(path.join(root, 'plugin.yaml'), 'utf8')));

describe('plugin.yaml', () => {
  it('has the name, version and Node version of the package', () => {
    expect(plugin).toMatchObject({
      name: packageJson.name,
      version: packageJson.version,
      node: packageJson.engines.node,
    });
  });

  it('starts the command that serves, on the port that the program has by default', () => {
    const [program, file = '', command] = plugin.start;
    expect(program).toBe('node');
    expect(path.resolve(root, file)).toBe(path.resolve(root, packageJson.bin['erase-concept']));
    expect(existsSync(path.join(root, file))).toBe(true);
    const terminal = openTerminal();
    const cli = createProgram(terminal, { json: false });
    const config = readConfig({});
    addServeCommand(cli, { terminal, config, chooseDevice: () => Promise.resolve('cpu') });
    expect(cli.commands.map((known) => known.name())).toContain(command);
    expect(plugin.port).toBe(config.port);
  });

  it('names the path that answers without a token, and by the name it has there', async () => {
    const { url } = await startTestSidecar();
    const { status, body } = (await supertest(url).get(plugin.health)) as {
      status: number;
      body: unknown;
    };
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: plugin.name, version: plugin.version });
  });

  it("has the tab's title of the page", () => {
    const page = readFileSync(path.join(root, 'ui', 'index.html'), 'utf8');
    expect(page).toContain(`<title>${plugin.title}</title>`);
  });

  it('promises the address that the program listens on', () => {
    const serve = readFileSync(path.join(root, 'src/cli/commands/serve.ts'), 'utf8');
    expect(serve).toContain("'address to listen on', '127.0.0.1'");
    expect(plugin.permissions).toContain('listens on 127.0.0.1');
  });
});

describe('the registries', () => {
  const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
  const repository = packageJson.repository.url.replace(/^git\+|\.git$/g, '');
  const pathIn = repository.replace('https://github.com/', '');

  it('are told one version, which the changelog has too', () => {
    const lock = JSON.parse(read('package-lock.json')) as {
      version: string;
      packages: Record<string, { version: string }>;
    };
    const versions = [lock.version, lock.packages['']?.version, plugin.version];
    expect(new Set(versions)).toEqual(new Set([packageJson.version]));
    expect(read('pyproject.toml')).toContain(`\nversion = "${packageJson.version}"\n`);
    expect(read('CHANGELOG.md')).toContain(`\n## ${packageJson.version}\n`);
  });

  it("ComfyUI's reads the name and words of plugin.yaml", () => {
    const project = read('pyproject.toml');
    expect(project).toContain(`name = "${plugin.name}"\n`);
    expect(project).toContain(`DisplayName = "${plugin.title}"\n`);
    expect(project).toContain(`description = "${plugin.description}"\n`);
    expect(project).toContain(`Repository = "${repository}"\n`);
    expect(project).toContain(`PublisherId = "${pathIn.split('/')[0] ?? ''}"\n`);
  });

  it("ComfyUI's is given an icon and a banner of the repository, in the shapes that it asks for", () => {
    const pictures = [...read('pyproject.toml').matchAll(/^(Icon|Banner) = "(.+)"$/gm)];
    const start = `https://raw.githubusercontent.com/${pathIn}/main/`;
    const shapes = pictures.map(([, key = '', url = '']) => {
      expect(url.startsWith(start)).toBe(true);
      const [, width, height] =
        /viewBox="0 0 (\d+) (\d+)"/.exec(read(url.slice(start.length))) ?? [];
      return [key, Number(width) / Number(height)];
    });
    expect(shapes).toEqual([
      ['Icon', 1],
      ['Banner', 21 / 9],
    ]);
  });

  it("AUTOMATIC1111's index gets an entry of the kind that it takes", () => {
    const entry: unknown = JSON.parse(read('.github/registries/a1111-extension.json'));
    expect(entry).toEqual({
      name: plugin.title,
      url: `${repository}.git`,
      description: plugin.description,
      tags: ['tab', 'training', 'models'],
    });
  });

  it('lead to the address that the documents clone from', () => {
    for (const file of ['README.md', 'docs/forge-neo.md', 'docs/comfyui.md']) {
      const cloned = [...read(file).matchAll(/git clone (\S+)/g)].map(([, url]) => url);
      expect(new Set(cloned)).toEqual(new Set([repository]));
    }
  });
});

describe('the workflows', () => {
  const folder = path.join(root, '.github', 'workflows');
  const step = z.object({ run: z.string().optional(), uses: z.string().optional() });
  const job = z.object({ steps: z.array(step).default([]), uses: z.string().optional() });
  const workflow = z.object({ jobs: z.record(z.string(), job) });

  it.each(readdirSync(folder))('%s runs what there is, of actions at a fixed commit', (file) => {
    const { jobs } = workflow.parse(parse(readFileSync(path.join(folder, file), 'utf8')));
    const steps = Object.values(jobs).flatMap((one) => one.steps);
    const scripts = steps.flatMap(({ run = '' }) => [...run.matchAll(/npm run ([\w:]+)/g)]);
    const known: Record<string, string> = packageJson.scripts;
    expect(scripts.filter(([, name = '']) => !known[name])).toEqual([]);
    const actions = steps.flatMap(({ uses }) => uses ?? []);
    expect(actions.filter((uses) => !/@[0-9a-f]{40}$/.test(uses))).toEqual([]);
    const called = Object.values(jobs).flatMap(({ uses }) => uses ?? []);
    expect(called.filter((uses) => !existsSync(path.join(root, uses)))).toEqual([]);
  });
});
