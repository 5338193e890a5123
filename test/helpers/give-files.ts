import supertest from 'supertest';

import { bearer, type TestSidecar } from './sidecar.ts';

/** Sends files to a sidecar as its page does. @param files paths by the names of their fields */
export function giveFiles(
  { url }: Pick<TestSidecar, 'url'>,
  kind: string,
  files: Readonly<Record<string, string>>,
) {
  const post = supertest(url).post(`/api/${kind}`).set(bearer);
  for (const [field, file] of Object.entries(files)) void post.attach(field, file);
  return post;
}
