import { describe, expect, it } from 'vitest';

import { AppError } from '../../src/errors.ts';
import { describeError } from '../../src/jobs/describe-error.ts';

describe('describeError', () => {
  it('passes on what is meant for people', () => {
    const error = new AppError('checkpoint.nan', 'a weight is NaN');
    expect(describeError(error)).toEqual({
      event: { event: 'error', code: error.code, message: error.message, time: error.time },
      exitStatus: 3,
    });
  });

  it.each(['ENOSPC', 'EDQUOT'])('knows a full disk (%s) wherever it was met', (code) => {
    const error = Object.assign(new Error(`${code}: no space, write`), { code });
    expect(describeError(error)).toMatchObject({
      event: {
        code: 'output.no-space',
        message: expect.stringMatching(/disk became full.*Free some disk space/) as string,
      },
      exitStatus: 3,
    });
  });

  it.each([new TypeError('a bug'), 'a bug', Object.assign(new Error('a bug'), { code: 'EIO' })])(
    'calls anything else unexpected',
    (error) => {
      expect(describeError(error)).toMatchObject({
        event: {
          code: 'internal.unexpected',
          message: expect.stringContaining('a bug') as string,
        },
        exitStatus: 1,
      });
    },
  );
});
