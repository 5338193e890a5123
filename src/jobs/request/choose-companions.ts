import path from 'node:path';
import type { z } from 'zod';

import type { jobRequestSchema } from '../../contract/requests.ts';
import { AppError, type ErrorCode } from '../../errors.ts';
import { describeModel } from '../../hosts/describe-model.ts';
import type { HostFile, HostModel } from '../../hosts/host.ts';
import type { RemedySetting } from '../../remedy.ts';
import { wordOf } from '../../tokenizer/learned-words.ts';
import type { CompanionFiles } from '../companion-files.ts';
import type { CompanionWishes } from './companion-wishes.ts';

type Request = Pick<z.output<typeof jobRequestSchema>, 'vae' | 'baseLoras' | 'embeddings'>;

/** A kind of files that a model is run with. */
interface FileKind {
  readonly title: string;
  readonly code: ErrorCode;
  readonly setting: RemedySetting;
}

const kinds = {
  vae: { title: 'VAE', code: 'vae.invalid', setting: 'vae' },
  lora: { title: 'LoRA', code: 'lora.invalid', setting: 'baseLoras' },
  embedding: { title: 'embedding', code: 'embedding.invalid', setting: 'embeddings' },
} as const satisfies Record<string, FileKind>;

/**
 * The files that a request to the server means by what it calls them. A model without a VAE takes, where none
 * is named, the one that the web UI draws with.
 *
 * @throws AppError `vae.invalid`, `lora.invalid`, `embedding.invalid` for a name that is not among
 *   the files;
 *   `host.*`
 */
export async function chooseCompanions(
  request: Request,
  files: CompanionFiles,
  model: HostModel,
): Promise<CompanionWishes> {
  const { baseLoras, embeddings } = request;
  // Hosts look through their folders for a list: only where something is asked for.
  const loras = baseLoras.length === 0 ? [] : await files.loras();
  const words = embeddings.length === 0 ? [] : await files.embeddings();
  return {
    ...(await chooseVae(request, files, model)),
    baseLoras: baseLoras.map(({ name, strength }) => ({
      path: findFile(loras, name, kinds.lora),
      strength,
    })),
    embeddings: embeddings.map((name) => findFile(words, name, kinds.embedding)),
  };
}

async function chooseVae(
  { vae: name }: Request,
  files: CompanionFiles,
  model: HostModel,
): Promise<Pick<CompanionWishes, 'vae' | 'vaeIfNone'>> {
  if (name === undefined && (await describeModel(model)).hasVae) return {};
  const vaes = await files.vaes();
  return name === undefined
    ? { vaeIfNone: vaes.find(({ isChosen }) => isChosen)?.path }
    : { vae: findFile(vaes, name, kinds.vae) };
}

/**
 * The file of a name; of a file's name without its folder or its ending, which jobs and prompts call it by,
 * the only one that has it.
 */
function findFile(files: readonly HostFile[], name: string, { title, code, setting }: FileKind) {
  const exact = files.find((file) => file.name === name);
  if (exact) return exact.path;
  const [alike, ...others] = files.filter(({ path: file }) => wordOf(file) === wordOf(name));
  if (alike && others.length === 0 && path.basename(name) === name) return alike.path;
  const problem = others.length > 0 ? 'there is more than one' : 'there is no';
  throw new AppError(code, `${problem} ${title} "${name}".`, {
    remedy: { advice: 'Choose another one', settings: [{ setting }] },
  });
}
