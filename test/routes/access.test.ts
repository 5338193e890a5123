import { request as httpRequest } from 'node:http';
import supertest from 'supertest';
import { describe, expect, it } from 'vitest';

import { bearer, startTestSidecar, token } from '../helpers/sidecar.ts';

/** The status of a request with exactly these headers, which clients of tests would mend. */
function statusOf(url: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { headers, method, setHost: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.on('error', reject).end();
  });
}

describe('the token', () => {
  it('is needed for everything but health and the page', async () => {
    const { url } = await startTestSidecar();
    for (const path of [
      '/models',
      '/jobs',
      '/presets',
      '/devices',
      '/openapi.json',
      '/jobs/x/report',
    ]) {
      const { status, body } = (await supertest(url).get(`/api${path}`)) as {
        status: number;
        body: unknown;
      };
      expect(status).toBe(401);
      expect(body).toMatchObject({ error: { code: 'access.no-token' } });
    }
    expect((await supertest(url).post('/api/jobs')).status).toBe(401);
    expect((await supertest(url).get('/api/health')).status).toBe(200);
  });

  it.each([
    ['a wrong one', `Bearer ${token}x`],
    ['an empty one', 'Bearer '],
    ['another scheme', `Basic ${token}`],
    ['a very long one', `Bearer ${'x'.repeat(8000)}`],
  ])('is not %s', async (_, authorization) => {
    const { url } = await startTestSidecar();
    const { status } = await supertest(url).get('/api/jobs').set('Authorization', authorization);
    expect(status).toBe(401);
  });

  it('comes from the start link as a cookie that scripts cannot read, and leaves the address', async () => {
    const { url } = await startTestSidecar();
    const { status, headers } = await supertest(url).get(`/?token=${token}`);
    expect(status).toBe(303);
    expect(headers.location).toBe('./');
    const [cookie = ''] = headers['set-cookie'] as unknown as string[];
    expect(cookie).toMatch(/^erase-concept-\d+=.*HttpOnly; SameSite=Strict/);
    const [pair = ''] = cookie.split(';');
    expect((await supertest(url).get('/api/jobs').set('Cookie', pair)).status).toBe(200);
    // The cookie of a sidecar on another port.
    const other = pair.replace(/\d+=/, '1=');
    expect((await supertest(url).get('/api/jobs').set('Cookie', other)).status).toBe(401);
  });

  it('of a start link is taken out of it, and nothing else', async () => {
    const { url } = await startTestSidecar();
    const { headers } = await supertest(url).get(`/?theme=dark&token=${token}&x=%26`);
    expect(headers.location).toBe('./?theme=dark&x=%26');
  });

  it('of a start link must be the right one', async () => {
    const { url } = await startTestSidecar();
    const { status, headers } = await supertest(url).get('/?token=wrong');
    expect(status).toBe(401);
    expect(headers['set-cookie']).toBeUndefined();
  });

  it('is in no log', async () => {
    const sidecar = await startTestSidecar();
    await supertest(sidecar.url).get(`/?token=${token}`);
    await supertest(sidecar.url).get('/api/jobs').set(bearer);
    await supertest(sidecar.url).get('/api/jobs').set('Cookie', `erase-concept-1=${token}`);
    expect(sidecar.log()).toContain('/api/jobs');
    expect(sidecar.log()).not.toContain(token);
  });

  it('cannot be guessed at speed', async () => {
    const { url } = await startTestSidecar();
    const statuses = [];
    for (let i = 0; i < 120; i++) statuses.push((await supertest(url).get('/api/jobs')).status);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(10);
  });
});

describe('Host', () => {
  it.each([
    'evil.example',
    'evil.example:7870',
    '127.0.0.1.evil.example',
    '192.168.1.7',
    '',
    'a b',
  ])('"%s" is refused, whatever the token', async (host) => {
    const { url } = await startTestSidecar();
    for (const path of ['/', '/api/health', '/api/jobs']) {
      const status = await statusOf(`${url}${path}`, { ...bearer, Host: host });
      expect([400, 403]).toContain(status);
    }
  });

  it.each(['localhost', 'localhost:1234', '127.0.0.1', '[::1]:7870'])(
    '"%s" is its own',
    async (host) => {
      const { url } = await startTestSidecar();
      expect(await statusOf(`${url}/api/jobs`, { ...bearer, Host: host })).toBe(200);
    },
  );
});

describe('Origin', () => {
  it.each(['http://evil.example', 'null', 'http://localhost:1', 'https://127.0.0.1', 'file://'])(
    '"%s" is refused, whatever the token',
    async (origin) => {
      const { url } = await startTestSidecar();
      const headers = { ...bearer, Origin: origin };
      expect((await supertest(url).get('/api/jobs').set(headers)).status).toBe(403);
      expect((await supertest(url).post('/api/jobs/x/cancel').set(headers)).status).toBe(403);
    },
  );

  it.each(['cross-site', 'same-site'])(
    'that is not told is known by Sec-Fetch-Site: %s',
    async (site) => {
      const { url } = await startTestSidecar();
      const headers = { ...bearer, 'Sec-Fetch-Site': site };
      expect((await supertest(url).get('/api/jobs').set(headers)).status).toBe(403);
    },
  );

  it('of the page and of the configured host is let in', async () => {
    const { url } = await startTestSidecar({ hostUrl: new URL('http://localhost:7860/') });
    for (const origin of [url, 'http://localhost:7860']) {
      const { status } = await supertest(url)
        .get('/api/jobs')
        .set({ ...bearer, Origin: origin });
      expect(status).toBe(200);
    }
  });
});

describe('the headers', () => {
  it('let no inline script run and only the configured host frame the page', async () => {
    const page = new Map([
      ['index.html', { type: 'text/html; charset=utf-8', body: Buffer.from('<!doctype html>') }],
    ]);
    const sidecar = await startTestSidecar({ hostUrl: new URL('http://localhost:7860/x'), page });
    const { headers } = await supertest(sidecar.url).get('/');
    const policy = headers['content-security-policy'] ?? '';
    expect(policy).toContain("script-src 'self';");
    expect(policy).toMatch(/frame-ancestors 'self' http:\/\/localhost:7860(;|$)/);
    expect(headers).not.toHaveProperty('x-frame-options');
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['referrer-policy']).toBe('no-referrer');
  });
});

describe('the page', () => {
  const page = new Map([
    ['index.html', { type: 'text/html; charset=utf-8', body: Buffer.from('<!doctype html>x') }],
    ['main-1.js', { type: 'text/javascript', body: Buffer.from('1;'.repeat(1000)) }],
  ]);

  it('is served compressed and cached by name, its beginning always fresh', async () => {
    const { url } = await startTestSidecar({ page });
    const index = await supertest(url).get('/');
    expect(index.status).toBe(200);
    expect(index.headers['cache-control']).toBe('no-cache');
    const script = await supertest(url).get('/main-1.js').set('Accept-Encoding', 'br');
    expect(script.headers).toMatchObject({
      'content-encoding': 'br',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    const plain = await supertest(url).get('/main-1.js').set('Accept-Encoding', 'identity');
    expect(plain.text).toBe('1;'.repeat(1000));
    const again = await supertest(url)
      .get('/')
      .set('If-None-Match', index.headers.etag ?? '');
    expect(again.status).toBe(304);
  });

  it.each([
    '/../package.json',
    '/..%2fpackage.json',
    '/%2e%2e/token',
    '/constructor',
    '/__proto__',
  ])('has nothing at %s', async (path) => {
    const { url } = await startTestSidecar({ page });
    const { host } = new URL(url);
    expect([400, 404]).toContain(await statusOf(`${url}/`.replace(/\/$/, path), { Host: host }));
  });
});

describe('too many requests', () => {
  it('are refused with 429 and the reason', async () => {
    const { url } = await startTestSidecar({ requestLimit: 5 });
    for (let i = 0; i < 5; i++) expect((await supertest(url).get('/api/health')).status).toBe(200);
    const { status, body } = (await supertest(url).get('/api/health')) as {
      status: number;
      body: unknown;
    };
    expect(status).toBe(429);
    expect(body).toMatchObject({ error: { code: 'request.too-many' } });
  });
});
