import type { z } from 'zod';

import type { jobRequestSchema } from '../../contract/requests.ts';
import { AppError } from '../../errors.ts';
import { describeModel } from '../../hosts/describe-model.ts';
import type { Host, HostModel } from '../../hosts/host.ts';
import type { EraseRequest } from './draft-job.ts';

/**
 * The VAE that a request to the server means: the one that it names; for a model without one the one that the
 * web UI draws with.
 *
 * @throws AppError `vae.invalid` for a name that is not among the host's; `host.*`
 */
export async function chooseVae(
  { vae: name }: Pick<z.output<typeof jobRequestSchema>, 'vae'>,
  host: Host,
  model: HostModel,
): Promise<Pick<EraseRequest, 'vae' | 'vaeIfNone'>> {
  if (name === undefined && (await describeModel(model)).hasVae) return {};
  const vaes = await host.listVaes();
  if (name === undefined) return { vaeIfNone: vaes.find(({ isChosen }) => isChosen)?.path };
  const found = vaes.find((vae) => vae.name === name);
  if (found) return { vae: found.path };
  throw new AppError('vae.invalid', `there is no VAE "${name}".`, {
    remedy: { advice: 'Choose another one', settings: [{ setting: 'vae' }] },
  });
}
