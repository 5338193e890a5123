import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type * as Client from '@aws-sdk/client-s3';
import type * as Transfers from '@aws-sdk/lib-storage';

import { AppError } from '../../errors.ts';
import { loadOptional } from '../optional-packages.ts';
import type { Store } from './store.ts';

/** A checkpoint of 7 GB goes in 220 pieces; S3 takes 10,000 at most, and none of less than 5 MiB. */
const PART_BYTES = 32 * 2 ** 20;
/** Objects that one request deletes. */
const MAX_DELETED = 1000;

interface Packages {
  readonly client: typeof Client;
  readonly transfers: typeof Transfers;
}

/**
 * Opens a bucket of a store that speaks S3. Where it is and who asks stand in the environment, as for all
 * programs: `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`.
 *
 * @param prefix what keys begin with; empty for nothing
 * @throws AppError `package.missing` where its packages are not installed; `artifact.unreachable`
 */
export async function openS3Store(bucket: string, prefix: string): Promise<Store> {
  const packages = await loadOptional(
    async () => ({
      client: await import('@aws-sdk/client-s3'),
      transfers: await import('@aws-sdk/lib-storage'),
    }),
    ['@aws-sdk/client-s3', '@aws-sdk/lib-storage'],
    'a store of S3',
  );
  // Stores of one's own are reached at their one name, without the bucket's before it.
  const forcePathStyle =
    (process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL) !== undefined;
  const s3 = new packages.client.S3Client({
    forcePathStyle,
    // Not all stores know the SDK's checksums; what is fetched is held to its SHA-256.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  try {
    await s3.send(new packages.client.HeadBucketCommand({ Bucket: bucket }));
  } catch (cause) {
    throw new AppError(
      'artifact.unreachable',
      `the bucket "${bucket}" cannot be used: ${describe(cause)}. Its store and who may use it stand in AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`,
      { cause },
    );
  }
  return new S3Store(packages, s3, { bucket, prefix });
}

class S3Store implements Store {
  private readonly packages: Packages;
  private readonly s3: Client.S3Client;
  private readonly bucket: string;
  private readonly prefix: string;

  constructor(
    packages: Packages,
    s3: Client.S3Client,
    { bucket, prefix }: { bucket: string; prefix: string },
  ) {
    this.packages = packages;
    this.s3 = s3;
    this.bucket = bucket;
    this.prefix = prefix === '' ? '' : `${prefix}/`;
  }

  async has(key: string): Promise<boolean> {
    try {
      await this.s3.send(new this.packages.client.HeadObjectCommand(this.place(key)));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async put(key: string, file: string): Promise<void> {
    const upload = new this.packages.transfers.Upload({
      client: this.s3,
      params: { ...this.place(key), Body: createReadStream(file) },
      partSize: PART_BYTES,
    });
    await upload.done();
  }

  async get(key: string, file: string): Promise<void> {
    const { size } = await stat(file).catch(() => ({ size: 0 }));
    const rest = size > 0 && { Range: `bytes=${size}-` };
    try {
      const { Body } = await this.s3.send(
        new this.packages.client.GetObjectCommand({ ...this.place(key), ...rest }),
      );
      await pipeline(Body as Readable, createWriteStream(file, { flags: 'a' }));
    } catch (error) {
      // All of it was there.
      if (error instanceof Error && error.name === 'InvalidRange') return;
      if (!isMissing(error)) throw error;
      throw new AppError(
        'artifact.missing',
        `"${key}" is not in the bucket "${this.bucket}". Is the same store given to all machines?`,
        { cause: error },
      );
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let i = 0; i < keys.length; i += MAX_DELETED) {
      const Objects = keys.slice(i, i + MAX_DELETED).map((key) => ({ Key: this.prefix + key }));
      await this.s3.send(
        new this.packages.client.DeleteObjectsCommand({ Bucket: this.bucket, Delete: { Objects } }),
      );
    }
  }

  async deleteAll(prefix: string): Promise<void> {
    const list = { Bucket: this.bucket, Prefix: this.prefix + prefix };
    const pages = this.packages.client.paginateListObjectsV2({ client: this.s3 }, list);
    for await (const { Contents = [] } of pages) {
      await this.delete(Contents.flatMap(({ Key }) => Key?.slice(this.prefix.length) ?? []));
    }
  }

  private place(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.bucket, Key: this.prefix + key };
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && ['NotFound', 'NoSuchKey'].includes(error.name);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === '' ? error.name : `${error.name}: ${error.message}`;
}
