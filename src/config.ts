import { homedir, userInfo } from 'node:os';
import path from 'node:path';
import { z } from 'zod';

/** What machines share that do the same jobs; null where it is not set. */
export interface SharedConfig {
  /** Address of Redis. */
  readonly queue: string | null;
  /** A folder, or `s3://BUCKET/PREFIX`. */
  readonly store: string | null;
}

/** Everything that the environment decides. */
export interface Config {
  /** Folder of jobs and of the user's own presets; null for a user without a home. */
  readonly dataFolder: string | null;
  /** Port of the sidecar. */
  readonly port: number;
  /** `user:password` of the web UI's API; null where it asks for none. */
  readonly hostCredentials: string | null;
  readonly shared: SharedConfig;
}

/** What the bridges of the hosts expect. */
const DEFAULT_PORT = 7870;

/** An empty variable counts as unset, as shells leave them behind. */
const variable = z
  .string()
  .optional()
  .transform((value) => (value?.trim() === '' ? undefined : value));

function toPort(value: string | undefined): number | undefined {
  const port = Number(value);
  return Number.isInteger(port) && port >= 0 && port <= 65_535 ? port : undefined;
}

const environmentSchema = z.object({
  /** Data folder; `--data` goes before it. */
  ERASE_CONCEPT_DATA: variable,
  /** Port of the sidecar; `--port` goes before it. */
  ERASE_CONCEPT_PORT: variable.transform(toPort),
  /** Not an option: other users of the machine see command lines. */
  ERASE_CONCEPT_HOST_AUTH: variable,
  /** Address of Redis with its password, for the same reason; `--queue` goes before it. */
  ERASE_CONCEPT_QUEUE: variable,
  /** `--store` goes before it. */
  ERASE_CONCEPT_STORE: variable,
  /** Windows' folder for data that stays on this machine. */
  LOCALAPPDATA: variable,
  /** Freedesktop's folder for user data. */
  XDG_DATA_HOME: variable,
});

/** Reads the configuration; the one place that looks at `process.env`. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const variables = environmentSchema.parse(environment);
  return {
    dataFolder: chooseDataFolder(variables),
    port: variables.ERASE_CONCEPT_PORT ?? DEFAULT_PORT,
    hostCredentials: variables.ERASE_CONCEPT_HOST_AUTH ?? null,
    shared: {
      queue: variables.ERASE_CONCEPT_QUEUE ?? null,
      store: variables.ERASE_CONCEPT_STORE ?? null,
    },
  };
}

type Variables = z.infer<typeof environmentSchema>;

function chooseDataFolder(variables: Variables): string | null {
  if (variables.ERASE_CONCEPT_DATA !== undefined) return path.resolve(variables.ERASE_CONCEPT_DATA);
  const folder = userDataFolder(variables);
  return folder && path.join(folder, 'erase-concept');
}

function userDataFolder(variables: Variables): string | null {
  const chosen =
    process.platform === 'win32'
      ? variables.LOCALAPPDATA
      : process.platform === 'darwin'
        ? undefined
        : variables.XDG_DATA_HOME;
  // Freedesktop: a path that is not absolute is to be ignored.
  if (chosen !== undefined && path.isAbsolute(chosen)) return chosen;
  const home = homeFolder();
  return home && path.join(home, ...userDataPath());
}

function userDataPath(): readonly string[] {
  if (process.platform === 'win32') return ['AppData', 'Local'];
  if (process.platform === 'darwin') return ['Library', 'Application Support'];
  return ['.local', 'share'];
}

/** Of the environment or else of the system's list of users; containers run as users without either. */
function homeFolder(): string | null {
  for (const find of [homedir, () => userInfo().homedir]) {
    try {
      const home = find();
      if (path.isAbsolute(home)) return home;
    } catch {
      // This user has none there.
    }
  }
  return null;
}
