import { homedir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';

/** Everything that the environment decides. */
export interface Config {
  /** Folder of jobs and of the user's own presets. */
  readonly dataFolder: string;
  /** Port of the sidecar. */
  readonly port: number;
  /** `user:password` of the web UI's API; null where it asks for none. */
  readonly hostCredentials: string | null;
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
  /** Windows' folder for data that stays on this machine. */
  LOCALAPPDATA: variable,
  /** Freedesktop's folder for user data. */
  XDG_DATA_HOME: variable,
});

/** Reads the configuration; the one place that looks at `process.env`. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const variables = environmentSchema.parse(environment);
  return {
    dataFolder: path.resolve(
      variables.ERASE_CONCEPT_DATA ?? path.join(userDataFolder(variables), 'erase-concept'),
    ),
    port: variables.ERASE_CONCEPT_PORT ?? DEFAULT_PORT,
    hostCredentials: variables.ERASE_CONCEPT_HOST_AUTH ?? null,
  };
}

function userDataFolder(variables: z.infer<typeof environmentSchema>): string {
  if (process.platform === 'win32') {
    return variables.LOCALAPPDATA ?? path.join(homedir(), 'AppData', 'Local');
  }
  if (process.platform === 'darwin') return path.join(homedir(), 'Library', 'Application Support');
  return variables.XDG_DATA_HOME ?? path.join(homedir(), '.local', 'share');
}
