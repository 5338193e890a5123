import { homedir, userInfo } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';

vi.mock('node:os', { spy: true });
// Test files share a process: it may have been loaded before, with the system's own module.
vi.resetModules();
const { readConfig } = await import('../../src/config.ts');

const noHome = () => {
  throw Object.assign(new Error('uv_os_homedir returned ENOENT'), { code: 'ERR_SYSTEM_ERROR' });
};
const inHome = (home: string) => path.join(home, '.local/share/erase-concept');

describe.skipIf(process.platform !== 'linux')('the data folder', () => {
  beforeEach(() => {
    vi.mocked(homedir).mockReturnValue('/home/someone');
    vi.mocked(userInfo).mockReturnValue({ ...userInfo(), homedir: '/home/of-the-list' });
  });

  it.each([
    ['of nothing else', {}, inHome('/home/someone')],
    ['of XDG_DATA_HOME', { XDG_DATA_HOME: '/data' }, '/data/erase-concept'],
    ['without an empty XDG_DATA_HOME', { XDG_DATA_HOME: '' }, inHome('/home/someone')],
    ['without a relative XDG_DATA_HOME', { XDG_DATA_HOME: 'data' }, inHome('/home/someone')],
    ['without an unexpanded one', { XDG_DATA_HOME: '~/data' }, inHome('/home/someone')],
    ['of ERASE_CONCEPT_DATA', { ERASE_CONCEPT_DATA: 'here' }, path.resolve('here')],
  ])('is that %s', (_, environment, expected) => {
    expect(readConfig(environment).dataFolder).toBe(expected);
  });

  it.each(['', 'relative'])('is not made of HOME="%s" but of the list of users', (home) => {
    vi.mocked(homedir).mockReturnValue(home);
    expect(readConfig({}).dataFolder).toBe(inHome('/home/of-the-list'));
  });

  it('has to be given where a user has no home, and only then', () => {
    vi.mocked(homedir).mockImplementation(noHome);
    vi.mocked(userInfo).mockImplementation(noHome);
    expect(readConfig({}).dataFolder).toBeNull();
    expect(readConfig({ XDG_DATA_HOME: '/data' }).dataFolder).toBe('/data/erase-concept');
  });
});
