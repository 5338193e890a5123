import { describe, expect, it } from 'vitest';

import { readRefusal } from '../../ui/api-error.ts';

describe('a refusal', () => {
  it("is the server's own where it sent one", () => {
    const body = JSON.stringify({ error: { code: 'host.failed', message: 'It said no.' } });
    const refusal = readRefusal({ status: 504, statusText: 'Gateway Timeout' }, body);
    expect(refusal).toMatchObject({ status: 504, code: 'host.failed', message: 'It said no.' });
  });

  it.each([504, 524])(
    'says of a proxy that waited too long (%i) that the work may go on',
    (status) => {
      const refusal = readRefusal({ status, statusText: '' }, '<html>A timeout occurred</html>');
      expect(refusal.message).toContain('The server may go on');
      expect(refusal.message).toContain(String(status));
    },
  );

  it('says what came where it is something else', () => {
    const refusal = readRefusal({ status: 418, statusText: "I'm a teapot" }, '');
    expect(refusal.message).toBe("The server answered 418 I'm a teapot.");
  });
});
