import { existsSync, readFileSync } from 'node:fs';
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

  it("has the name and version of what ComfyUI's registry reads", () => {
    const project = readFileSync(path.join(root, 'pyproject.toml'), 'utf8');
    expect(project).toContain(`name = "${plugin.name}"\n`);
    expect(project).toContain(`version = "${plugin.version}"\n`);
    expect(project).toContain(`DisplayName = "${plugin.title}"\n`);
    expect(project).toContain(`description = "${plugin.description}"\n`);
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
