import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import type { Estimate } from '../../src/contract/estimate.ts';
import type { JobView } from '../../src/contract/job-views.ts';
import type { JobDraft } from '../../src/jobs/request/job-draft.ts';
import { jobFolderOf, startTestSidecar, tinyModel } from '../helpers/sidecar.ts';

const job = { model: tinyModel, forget: ['a red heart'], retain: ['a star'], device: 'cpu' };

function picture(format: 'png' | 'jpeg' | 'webp'): Promise<Buffer> {
  const noise = Buffer.from(Array.from({ length: 3 * 64 * 64 }, (_, i) => (i * 7919) % 256));
  return sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}

/** A PNG that says it is so large, of zeros. */
function bomb(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const crcTable = Array.from({ length: 256 }, (_, n) => {
      let c = n;
      for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
      return c >>> 0;
    });
    let crc = 0xffffffff;
    for (const byte of body) crc = (crcTable[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const end = Buffer.alloc(4);
    end.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
    return Buffer.concat([length, body, end]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(1000))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('a preset that is imported', () => {
  it('may be text as Windows writes it', async () => {
    const { api } = await startTestSidecar();
    const yaml = [
      'name: gnomes',
      'title: Gnomes',
      'description: No gnomes.',
      'expectation: Lawns.',
    ];
    const prompts = ['forget: [a gnome]', 'retain: [a statue]'];
    const post = (bytes: Buffer) =>
      api('post', '/presets').set('Content-Type', 'application/yaml').send(bytes);
    const text = [...yaml, ...prompts, ''].join('\r\n');
    const answer = await post(Buffer.from(`\ufeff${text}`, 'utf16le').swap16());
    expect(answer.body).toMatchObject({ name: 'gnomes', isOwn: true });
    expect(answer.status).toBe(201);
    const refused = await post(Buffer.from('# caf\xe9', 'latin1'));
    expect(refused.body).toMatchObject({
      error: { message: expect.stringMatching(/not UTF-8.*save it as UTF-8/) as string },
    });
    expect(refused.status).toBe(422);
  });
});

describe('pictures of a job', () => {
  it('come in every format, with captions, under names of our own', async () => {
    const sidecar = await startTestSidecar();
    const names = ['../../evil.png', 'ein Bild ä.jpg', '/etc/passwd.webp'];
    // What a client calls a file is its last part at most.
    const captions = { forget: { 'evil.png': 'a heart', 'ein Bild ä.jpg': 'a red heart' } };
    const answer = await sidecar
      .api('post', '/jobs')
      .field('job', JSON.stringify({ ...job, captions }))
      .attach('forgetImages', await picture('png'), names[0])
      .attach('forgetImages', await picture('jpeg'), names[1])
      .attach('retainImages', await picture('webp'), names[2]);
    expect(answer.body).toMatchObject({ forgetImages: 2, retainImages: 1 });
    expect(answer.status).toBe(202);
    const { id } = answer.body as JobView;
    const folder = jobFolderOf(sidecar, id);
    expect(readdirSync(path.join(folder, 'forget-images'))).toEqual([
      'forget-0001.png',
      'forget-0001.txt',
      'forget-0002.jpg',
      'forget-0002.txt',
    ]);
    expect(readFileSync(path.join(folder, 'forget-images', 'forget-0002.txt'), 'utf8')).toBe(
      'a red heart',
    );
    expect(readdirSync(path.join(folder, 'retain-images'))).toEqual(['retain-0001.webp']);
    expect(readdirSync(path.join(sidecar.data, 'uploads'))).toEqual([]);
    await sidecar.reaches(id, 'done');
  });

  it('belong to single concepts of a list, whose captions are prompts too', async () => {
    const sidecar = await startTestSidecar();
    const concepts = [
      { name: 'heart', forget: ['a red heart'] },
      { name: 'moon', captions: { 'moon.png': 'a blue moon' }, neighbours: ['a blue ring'] },
    ];
    const { forget: _, ...rest } = job;
    const send = async (field: string) =>
      sidecar
        .api('post', '/jobs')
        .field('job', JSON.stringify({ ...rest, concepts }))
        .attach(field, await picture('png'), 'moon.png');
    const answer = await send('conceptImages[1]');
    expect(answer.status).toBe(202);
    const { id, forget } = answer.body as JobView;
    expect(forget.map(({ prompt }) => prompt)).toEqual(['a red heart', 'a blue moon']);
    const folder = jobFolderOf(sidecar, id);
    const images = path.join(folder, 'concept-2-images');
    expect(readdirSync(images)).toEqual(['concept-2-0001.png', 'concept-2-0001.txt']);
    const { concepts: kept } = parse(
      readFileSync(path.join(folder, 'request.yaml'), 'utf8'),
    ) as JobDraft;
    expect(kept.map((concept) => concept.images)).toEqual([null, images]);
    await sidecar.reaches(id, 'done');

    for (const [field, message] of [
      ['conceptImages[0]', /a caption for "moon.png", but no such picture/],
      ['conceptImages[7]', /conceptImages\[7\], and the list has 2 concepts/],
      ['conceptImages[x]', /no field "conceptImages\[x\]" for files/],
    ] as const) {
      const refused = await send(field);
      expect(refused.body).toMatchObject({
        error: { message: expect.stringMatching(message) as string },
      });
    }
    expect(readdirSync(path.join(sidecar.data, 'jobs'))).toEqual([id]);
  });

  it('are counted for an estimate, those of single concepts too', async () => {
    const sidecar = await startTestSidecar();
    const estimate = async (pictureSizes: readonly object[]) => {
      const concepts = [
        { name: 'heart', forget: ['a red heart'], pictureSizes },
        { name: 'moon', captions: { 'moon.png': 'a blue moon' }, pictureSizes },
      ];
      const { forget: _, ...rest } = job;
      const answer = await sidecar.api('post', '/estimate').send({ ...rest, concepts });
      return answer.body as Estimate;
    };
    const size = { width: 64, height: 64 };
    const [drawn, given] = [await estimate([]), await estimate([size, size])];
    expect(given.forget.map(({ prompt }) => prompt)).toEqual(['a red heart', 'a blue moon']);
    expect(given.seconds).toBeLessThan(drawn.seconds);
  });

  it.each(['erasediff', 'siss'])(
    'may not be to be forgotten and kept at once, with %s',
    async (method) => {
      const { api, data } = await startTestSidecar();
      const same = sharp(await picture('png')).webp({ lossless: true });
      const answer = await api('post', '/jobs')
        .field('job', JSON.stringify({ ...job, settings: { method } }))
        .attach('forgetImages', await picture('png'), 'mine.png')
        .attach('retainImages', await same.toBuffer(), 'theirs.webp');
      expect(answer.body).toMatchObject({
        error: {
          code: 'image.contradiction',
          message: expect.stringContaining(
            'forgotten, as "mine.png", and to be kept, as "theirs.webp"',
          ) as string,
        },
      });
      expect(answer.status).toBe(422);
      expect(readdirSync(path.join(data, 'jobs'))).toEqual([]);
    },
  );

  it.each([
    ['a text', () => Buffer.from('hello'), 415, 'image.unreadable'],
    ['nothing', () => Buffer.alloc(0), 415, 'image.unreadable'],
    [
      'an SVG',
      () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
      415,
      'image.unreadable',
    ],
    ['a GIF', () => Buffer.from('GIF89a\x01\x00\x01\x00'), 415, 'image.unreadable'],
    [
      'a beginning of a PNG',
      () => Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
      415,
      'image.unreadable',
    ],
    [
      'a truncated JPEG',
      async () => (await picture('jpeg')).subarray(0, 900),
      415,
      'image.unreadable',
    ],
    [
      'a script behind a JPEG signature',
      () => Buffer.from('\xff\xd8\xff<script>', 'latin1'),
      415,
      'image.unreadable',
    ],
    ['a bomb of a billion pixels', () => bomb(40_000, 40_000), 413, 'image.too-large'],
  ])('may not be %s', async (_, make, status, code) => {
    const { api, data } = await startTestSidecar();
    const answer = await api('post', '/jobs')
      .field('job', JSON.stringify(job))
      .attach('forgetImages', await picture('png'), 'good.png')
      .attach('forgetImages', await make(), 'odd.png');
    expect(answer.body).toMatchObject({
      error: { code, message: expect.stringContaining('odd.png') as string },
    });
    expect(answer.status).toBe(status);
    expect(readdirSync(path.join(data, 'uploads'))).toEqual([]);
    expect(readdirSync(path.join(data, 'jobs'))).toEqual([]);
  });

  it.each([
    ['too many', 501, 10, 'image.too-many'],
    ['too large', 1, 64 * 2 ** 20 + 1, 'image.too-large'],
  ])('may not be %s', async (_, count, bytes, code) => {
    const { api, data } = await startTestSidecar();
    const sent = api('post', '/jobs').field('job', JSON.stringify(job));
    for (let i = 0; i < count; i++)
      void sent.attach('forgetImages', Buffer.alloc(bytes), `${i}.png`);
    const answer = await sent;
    expect(answer.body).toMatchObject({ error: { code } });
    expect(answer.status).toBe(413);
    expect(readdirSync(path.join(data, 'uploads'))).toEqual([]);
  });

  it('must not share a name that a caption goes by', async () => {
    const { api } = await startTestSidecar();
    const captions = { forget: { '1.png': 'a heart' } };
    const answer = await api('post', '/jobs')
      .field('job', JSON.stringify({ ...job, captions }))
      .attach('forgetImages', await picture('png'), 'a/1.png')
      .attach('forgetImages', await picture('png'), 'b/1.png');
    expect(answer.body).toMatchObject({
      error: { message: expect.stringContaining('2 pictures of this name') as string },
    });
    expect(answer.status).toBe(400);
  });

  it('come in two fields only', async () => {
    const { api, data } = await startTestSidecar();
    const answer = await api('post', '/jobs')
      .field('job', JSON.stringify(job))
      .attach('__proto__', await picture('png'), 'a.png');
    expect(answer.status).toBe(400);
    expect(readdirSync(path.join(data, 'uploads'))).toEqual([]);
  });
});
