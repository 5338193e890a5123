import packageJson from '../package.json' with { type: 'json' };

/** This program's version, as jobs and scrubbed models record it. */
export const appVersion: string = packageJson.version;
