import { readImageFolder } from '../images/image-folder.ts';
import type { EraseJob } from './job.ts';

type GivenOf = Pick<EraseJob, 'forgetImages'> & {
  readonly concepts: readonly Pick<EraseJob['concepts'][number], 'images'>[];
};

/** The folders of pictures that were to be forgotten, of all concepts. */
export function givenFolders({ forgetImages, concepts }: GivenOf): string[] {
  const folders = [forgetImages, ...concepts.map(({ images }) => images)];
  return folders.filter((folder) => folder !== null);
}

/** The pictures in them, with what they show where that is said. @throws AppError `image.*` */
export async function givenPictures(
  job: GivenOf,
): Promise<{ readonly file: string; readonly caption: string | null }[]> {
  const images = (await Promise.all(givenFolders(job).map(readImageFolder))).flat();
  return images.map(({ file, caption }) => ({ file, caption: caption ?? null }));
}
