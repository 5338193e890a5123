import { mkdir, readdir, rename } from 'node:fs/promises';
import path from 'node:path';

import { publishFile } from '../checkpoint/atomic-file.ts';
import type { CompanionKind, OwnFileServices, UploadedFile } from '../contract/services.ts';
import { nameFault } from '../checkpoint/file-name.ts';
import { AppError, type ErrorCode } from '../errors.ts';
import { judgeFolderOf } from '../evaluation/classifier/judge-folder.ts';
import { hashCheckpoint } from '../families/checkpoint-hash.ts';
import { otherFileAt } from '../families/model-on-disk.ts';
import type { OtherFamily } from '../families/other-files.ts';
import type { HostFile } from '../hosts/host.ts';
import { askProcess } from '../processes/ask-process.ts';
import { systemErrorCode } from '../system-error.ts';

interface OwnKind {
  readonly title: string;
  readonly code: ErrorCode;
  readonly families: readonly OtherFamily[];
  readonly ending: RegExp;
}

const kinds: Readonly<Record<CompanionKind, OwnKind>> = {
  loras: {
    ...{ title: 'LoRA', code: 'lora.invalid', families: ['lora'] },
    ending: /\.(safetensors|sft)$/i,
  },
  embeddings: {
    ...{ title: 'embedding', code: 'embedding.invalid', families: ['embedding'] },
    ending: /\.(safetensors|sft|pt|pth|bin)$/i,
  },
  vaes: {
    ...{ title: 'VAE', code: 'vae.invalid', families: ['vae', 'diffusers-vae'] },
    ending: /\.(safetensors|sft|pt|pth|ckpt|bin)$/i,
  },
};

const classifierWorker = new URL('../evaluation/classifier/check-worker.ts', import.meta.url);
const CHECK_TIMEOUT_MS = 120_000;

/** How those that the person gave are told from the host's of the same name. */
const given = 'given/';

/** Files that the person gave to this server, kept in its data folder. */
export class OwnFiles implements OwnFileServices {
  private readonly dataFolder: string;

  constructor(dataFolder: string) {
    this.dataFolder = dataFolder;
  }

  /** Those of a kind, by name; each is called `given/NAME`. */
  async list(kind: CompanionKind): Promise<HostFile[]> {
    const folder = path.join(this.dataFolder, kind);
    const names = await readdir(folder).catch(() => []);
    return names
      .filter((name) => !name.startsWith('.') && kinds[kind].ending.test(name))
      .sort((a, b) => a.localeCompare(b, 'en'))
      .map((name) => ({ name: given + name, path: path.join(folder, name) }));
  }

  /**
   * Keeps a file, which has to be of its kind.
   *
   * @throws AppError `lora.invalid`, `embedding.invalid`, `vae.invalid`; `file.exists`
   */
  async add(kind: CompanionKind, file: UploadedFile): Promise<{ name: string }> {
    const { title, code, families, ending } = kinds[kind];
    const name = requireName(file, ending, { title, code });
    // How a file is read depends on its ending.
    const named = file.path + path.extname(name);
    await rename(file.path, named);
    const found = await otherFileAt(named);
    if (found === null || !families.includes(found)) {
      throw new AppError(
        code,
        `"${name}" is no ${title}: by its tensors it is something else, or it is damaged. Choose another file.`,
      );
    }
    await keep(named, path.join(this.dataFolder, kind, name));
    return { name: given + name };
  }

  /**
   * Keeps a classifier of pictures with its labels, which has to be one that can judge.
   *
   * @throws AppError `judge.invalid`; `file.exists`
   */
  async addJudge(model: UploadedFile, labels: UploadedFile): Promise<{ name: string }> {
    const words = { title: 'classifier', code: 'judge.invalid' } as const;
    const name = requireName(model, /\.onnx$/i, words);
    const labelsName = requireName(labels, /\.(txt|json)$/i, { ...words, title: 'list of labels' });
    const [stem, ending] = [path.parse(name).name, path.extname(labelsName).toLowerCase()];
    const choice = { name: stem, file: model.path, labels: `${labels.path}${ending}`, classes: [] };
    await rename(labels.path, choice.labels);
    // A graph from outside is compiled in a process of its own.
    await askProcess(classifierWorker, choice, {
      timeoutMs: CHECK_TIMEOUT_MS,
      purpose: 'checking the classifier',
    });
    const folder = judgeFolderOf(this.dataFolder);
    // The labels first: a judge is there when its graph is.
    await keep(choice.labels, path.join(folder, stem + ending));
    await keep(model.path, path.join(folder, `${stem}.onnx`));
    return { name: stem };
  }
}

/** The name under which a file is kept. */
function requireName(
  { name: given }: UploadedFile,
  ending: RegExp,
  { title, code }: Pick<OwnKind, 'title' | 'code'>,
): string {
  // Some browsers send the path of a file in the folder that was chosen.
  const name = given.split(/[/\\]/).at(-1) ?? '';
  const fault = name.startsWith('.') ? 'it begins with a dot' : nameFault(name, 'win32');
  if (fault !== null) {
    throw new AppError(code, `a file cannot be called "${name}": ${fault}. Rename it.`);
  }
  if (ending.test(name)) return name;
  throw new AppError(
    code,
    `"${name}" does not end as a file of a ${title} does (${endingsOf(ending)}). Choose another file.`,
  );
}

/** "safetensors, sft" of the pattern that an ending has to match. */
const endingsOf = ({ source }: RegExp) =>
  source
    .replace(/^\\\.\(?|\)?\$$/g, '')
    .split('|')
    .map((ending) => `.${ending}`)
    .join(', ');

/**
 * Gives a file its place. The same file again is as well.
 *
 * @throws AppError `file.exists` where there is another one of that name
 */
async function keep(file: string, place: string): Promise<void> {
  await mkdir(path.dirname(place), { recursive: true });
  try {
    await publishFile(file, place);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
    if ((await hashCheckpoint(file)) === (await hashCheckpoint(place))) return;
    throw new AppError(
      'file.exists',
      `there is another "${path.basename(place)}" in "${path.dirname(place)}". Rename yours, or take that one away.`,
    );
  }
}
