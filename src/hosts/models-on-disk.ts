import path from 'node:path';

import { measureModel } from '../families/model-on-disk.ts';
import { pathExists } from '../checkpoint/output-path.ts';
import { AppError } from '../errors.ts';
import type { HostModel } from './host.ts';

type ListedModel = Pick<HostModel, 'name' | 'path'>;

/** The models that are here: a host may list what was deleted, or other folders. */
export async function modelsOnDisk(listed: readonly ListedModel[]): Promise<HostModel[]> {
  const models: HostModel[] = [];
  for (const { name, path: modelPath } of listed) {
    const size = await measureModel(modelPath);
    if (size) models.push({ name, path: modelPath, ...size });
  }
  return models;
}

/**
 * The same of a web UI's models, which are nowhere here if it runs on another machine.
 *
 * @param label the web UI in messages
 * @throws AppError `host.unreachable`
 */
export async function webUiModelsOnDisk(
  listed: readonly ListedModel[],
  label: string,
): Promise<HostModel[]> {
  const models = await modelsOnDisk(listed);
  const [first] = listed;
  if (models.length > 0 || !first) return models;
  const folder = path.dirname(first.path);
  if (await pathExists(folder)) return models;
  throw new AppError(
    'host.unreachable',
    `${label} keeps its models in "${folder}", which is not on this machine. Start the sidecar where the web UI runs.`,
  );
}
