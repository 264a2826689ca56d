/** Proves what every Nest application here answers, to good requests and bad. */
import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Body, Controller, Delete, Get, HttpCode, HttpException, Param, Post, Put } from '@nestjs/common';
import { ClientTCP, MessagePattern } from '@nestjs/microservices';
import type { Identity } from '@switchyard/contracts/identity';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { JWTVerifyGetKey } from 'jose';
import { createLocalJWKSet } from 'jose';
import { firstValueFrom } from 'rxjs';
import { z } from 'zod';
import { defineErrors, RefusedRequest, refuse, Unavailable } from '../errors.ts';
import { closeServer, listen, portOf } from '../http/server.ts';
import { IdentityVerifier, ServiceTokenVerifier } from '../identity/tokens.ts';
import { Lifecycle } from '../lifecycle.ts';
import { createLogger } from '../log.ts';
import { createMetrics } from '../metrics.ts';
import { currentTrace } from '../trace.ts';
import { createServiceApplication } from './create-service-application.ts';
import type { ServiceApplication } from './create-service-application.ts';
import { Caller, OptionalCaller, ServiceOnly, ValidBody, ValidMessage, ValidParams, ValidQuery } from './decorators.ts';

const errors = defineErrors('TEA', {
  POT_EMPTY: { kind: 'conflict', title: 'The pot is empty', retryable: false },
});
const cup = z.strictObject({ size: z.int().min(1), name: z.string() });
let slowMayEnd = Promise.withResolvers<void>();
let slowBegan = Promise.withResolvers<void>();

@Controller('api/cups')
class CupsController {
  @Get('me')
  me(@Caller() who: Identity) {
    return who;
  }
  @Get('whoever')
  whoever(@OptionalCaller() who: Identity | null) {
    return { who };
  }
  @Post()
  pour(@Caller() who: Identity, @ValidBody(cup) body: z.infer<typeof cup>) {
    return { for: who.handle, ...body };
  }
  @Get()
  list(@ValidQuery(z.strictObject({ limit: z.coerce.number().int().max(3).default(2) })) query: { limit: number }) {
    return query;
  }
  @Get(':id')
  read(@ValidParams(z.strictObject({ id: z.uuidv7() })) params: { id: string }) {
    return params;
  }
  @Put(':id')
  break(@Param('id') id: string, @Body() _body: unknown) {
    if (id === 'refused') throw new RefusedRequest(refuse(errors.POT_EMPTY, { detail: 'No tea left' }));
    if (id === 'away') throw new Unavailable('10.0.0.3 does not answer', { retryAfterSeconds: 7 });
    if (id === 'nest') throw new HttpException('Nope', 403);
    throw new Error('a secret of ours');
  }
  @Delete(':id')
  @HttpCode(204)
  @ServiceOnly('gateway')
  remove() {}
  @Get('any/service')
  @ServiceOnly()
  any() {
    return {};
  }
  @MessagePattern('tea.pour')
  message(@ValidMessage(cup) message: z.infer<typeof cup>) {
    return { ...message, traceId: currentTrace()?.traceId };
  }
  @MessagePattern('tea.break')
  fail() {
    throw new Error('a secret of ours');
  }
  @MessagePattern('tea.slow')
  async slow() {
    slowBegan.resolve();
    await slowMayEnd.promise;
    return { slow: true };
  }
}

describe('a service application', () => {
  let application: ServiceApplication;
  let server: Server;
  let lifecycle: Lifecycle;
  let base: string;
  const log = createLogger({ service: 'tea', level: process.env['SHOW'] ?? 'silent' });
  const metrics = createMetrics();
  let sign: (audience: string, claims: object, subject?: string) => Promise<string>;
  let keysAway = false;

  before(async () => {
    const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
    const local = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), kid: '1', alg: 'EdDSA' }] });
    const keys: JWTVerifyGetKey = (header, token) => {
      if (keysAway) throw new Error('fetch failed');
      return local(header, token);
    };
    sign = (audience, claims, subject = 'u1') =>
      new SignJWT({ sid: 's1', handle: 'ada', name: 'Ada', ...claims })
        .setProtectedHeader({ alg: 'EdDSA', kid: '1' })
        .setIssuer('switchyard')
        .setAudience(audience)
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime('60s')
        .sign(privateKey);
    lifecycle = new Lifecycle(log);
    application = await createServiceApplication({
      module: { controllers: [CupsController] },
      parts: {
        environment: { HOST: '127.0.0.1' } as never,
        log,
        lifecycle,
        metrics,
        identity: new IdentityVerifier(keys, 'tea'),
        serviceTokens: new ServiceTokenVerifier(keys),
      },
      before: [
        (request, response, next) => (request.path === '/before' ? void response.json({ before: true }) : next()),
      ],
      tcpPort: 0,
    });
    server = await listen(application.listener, { host: '127.0.0.1', port: 0 });
    base = `http://127.0.0.1:${portOf(server)}`;
  });
  after(async () => {
    slowMayEnd.resolve();
    await closeServer(server);
    await lifecycle.stop('test');
  });

  const ask = async (
    method: string,
    path: string,
    options: { headers?: object; body?: string | Uint8Array<ArrayBuffer> } = {},
  ) => {
    const response = await fetch(base + path, {
      method,
      headers: {
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.headers as Record<string, string>),
      },
      ...(options.body === undefined ? {} : { body: options.body }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? null : JSON.parse(text)) as Record<string, unknown>,
    };
  };
  const refusalOf = async (...request: Parameters<typeof ask>) => {
    const { status, headers, body } = await ask(...request);
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
    assert.equal(body['status'], status);
    assert.equal(headers.get('cache-control'), 'no-store');
    return [status, body['code']];
  };

  it('knows the caller by the identity token for it, and by no other token', async () => {
    const me = async (token: string) => ask('GET', '/api/cups/me', { headers: { 'x-switchyard-identity': token } });
    assert.equal((await me(await sign('tea', {}))).body['handle'], 'ada');
    for (const token of [await sign('coffee', {}), 'x.y.z', await sign('tea', { handle: 7 })])
      assert.deepEqual((await me(token)).status, 401);
    assert.deepEqual(await refusalOf('GET', '/api/cups/me'), [401, 'REQUEST_NOT_SIGNED_IN']);
  });

  it('lets an optional caller be absent but not false', async () => {
    assert.deepEqual((await ask('GET', '/api/cups/whoever')).body, { who: null });
    const false_ = { headers: { 'x-switchyard-identity': await sign('coffee', {}) } };
    assert.deepEqual(await refusalOf('GET', '/api/cups/whoever', false_), [401, 'REQUEST_NOT_SIGNED_IN']);
  });

  it('asks for sign-in before it finds fault with a body', async () => {
    assert.deepEqual(await refusalOf('POST', '/api/cups', { body: '{"size":0}' }), [401, 'REQUEST_NOT_SIGNED_IN']);
  });

  it('answers 503 when the keys of tokens cannot be had', async () => {
    const headers = { 'x-switchyard-identity': await sign('tea', { jti: 'unseen' }) };
    keysAway = true;
    const service = { headers: { authorization: `Bearer ${await sign('switchyard:services', {}, 'users')}` } };
    assert.deepEqual(await refusalOf('GET', '/api/cups/me', { headers }), [503, 'REQUEST_UNAVAILABLE']);
    assert.deepEqual(await refusalOf('GET', '/api/cups/any/service', service), [503, 'REQUEST_UNAVAILABLE']);
    keysAway = false;
  });

  it('names every fault of a body, a query and a path', async () => {
    const headers = { 'x-switchyard-identity': await sign('tea', {}) };
    const { status, body } = await ask('POST', '/api/cups', { headers, body: '{"size":0,"extra":1}' });
    assert.equal(status, 400);
    assert.deepEqual(
      (body['errors'] as { at: string }[]).map((fault) => fault.at),
      ['body.size', 'body.name', 'body'],
    );
    assert.equal((await ask('GET', '/api/cups?limit=3')).body['limit'], 3);
    for (const path of ['/api/cups?limit=4', '/api/cups?limit=1&limit=2', '/api/cups?unknown=1', '/api/cups/17'])
      assert.deepEqual(await refusalOf('GET', path), [400, 'REQUEST_INVALID'], path);
  });

  it('refuses broken JSON, broken UTF-8, other media types, no body and a body that is too large', async () => {
    const headers = { 'x-switchyard-identity': await sign('tea', {}) };
    const post = (body: string | Uint8Array<ArrayBuffer>, more = {}) =>
      refusalOf('POST', '/api/cups', { headers: { ...headers, ...more }, body });
    assert.deepEqual(await post('{"size":'), [400, 'REQUEST_NOT_JSON']);
    assert.deepEqual(await post(new Uint8Array([0x22, 0xff, 0x22])), [400, 'REQUEST_NOT_UTF8']);
    assert.deepEqual(await post('a=1', { 'content-type': 'application/x-www-form-urlencoded' }), [
      415,
      'REQUEST_MEDIA_TYPE',
    ]);
    assert.deepEqual(await post(JSON.stringify('x'.repeat(70_000))), [413, 'REQUEST_BODY_TOO_LARGE']);
    assert.deepEqual(await refusalOf('POST', '/api/cups', { headers }), [400, 'REQUEST_INVALID']);
  });

  it('answers refusals by their code, and keeps the cause of an error to itself', async () => {
    const put = (id: string) => ask('PUT', `/api/cups/${id}`);
    const refused = await put('refused');
    assert.deepEqual(
      [refused.status, refused.body['code'], refused.body['detail']],
      [409, 'TEA_POT_EMPTY', 'No tea left'],
    );
    const away = await put('away');
    assert.deepEqual(
      [away.status, away.body['code'], away.headers.get('retry-after')],
      [503, 'REQUEST_UNAVAILABLE', '7'],
    );
    const broken = await put('broken');
    assert.deepEqual([broken.status, broken.body['code']], [500, 'REQUEST_INTERNAL']);
    for (const answer of [away, broken]) assert.doesNotMatch(JSON.stringify(answer.body), /secret|10\.0/);
    assert.equal((await put('nest')).status, 403);
  });

  it('answers 404 where nothing is and 405 with Allow where another method is', async () => {
    assert.deepEqual(await refusalOf('GET', '/api/nothing'), [404, 'REQUEST_NO_ROUTE']);
    assert.deepEqual(await refusalOf('GET', '/api/CUPS'), [404, 'REQUEST_NO_ROUTE'], 'paths are exact');
    assert.deepEqual(await refusalOf('PATCH', '/api/cups/1'), [405, 'REQUEST_METHOD_NOT_ALLOWED']);
    assert.equal((await ask('PATCH', '/api/cups')).headers.get('allow'), 'GET, HEAD, POST');
    assert.deepEqual(await refusalOf('GET', '/api/cups/%ff'), [400, 'REQUEST_INVALID']);
  });

  it('lets services pass where only services may, and there only those named', async () => {
    const as = async (service: string) => ({
      headers: { authorization: `Bearer ${await sign('switchyard:services', {}, service)}` },
    });
    assert.equal((await ask('DELETE', '/api/cups/1', await as('gateway'))).status, 204);
    assert.deepEqual(await refusalOf('DELETE', '/api/cups/1', await as('users')), [403, 'REQUEST_FORBIDDEN']);
    assert.deepEqual(await refusalOf('DELETE', '/api/cups/1'), [401, 'REQUEST_NOT_A_SERVICE']);
    assert.equal((await ask('GET', '/api/cups/any/service', await as('users'))).status, 200);
    const person = { headers: { authorization: `Bearer ${await sign('tea', {})}` } };
    assert.deepEqual(await refusalOf('GET', '/api/cups/any/service', person), [401, 'REQUEST_NOT_A_SERVICE']);
  });

  it('says nothing of what it is made of', async () => {
    const { headers } = await ask('GET', '/api/cups');
    for (const header of ['x-powered-by', 'etag']) assert.equal(headers.get(header), null);
  });

  it('serves the handlers in front of it, and measures by route and not by path', async () => {
    assert.deepEqual((await ask('GET', '/before')).body, { before: true });
    await ask('GET', '/api/cups/0192f7a0-0000-7000-8000-000000000000');
    const measured = await metrics.getSingleMetricAsString('http_request_duration_seconds');
    assert.ok(measured.includes('route="/api/cups/:id",status="200"'));
    assert.ok(!measured.includes('0192f7a0'));
  });

  it('answers messages, continues their trace, and gives errors a code', async () => {
    const client = new ClientTCP({ host: '127.0.0.1', port: application.endpoints['tcp']!.port });
    client.setOnDispatchHook((packet) => {
      packet.metadata = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
    });
    const send = (pattern: string, data: unknown) => firstValueFrom(client.send<unknown>(pattern, data));
    assert.deepEqual(await send('tea.pour', { size: 1, name: 'x' }), { size: 1, name: 'x', traceId: 'a'.repeat(32) });
    await assert.rejects(send('tea.pour', { size: 0 }), (error) => {
      assert.equal((error as { code: string }).code, 'REQUEST_INVALID');
      return true;
    });
    await assert.rejects(send('tea.break', {}), (error) => {
      assert.equal((error as { code: string }).code, 'REQUEST_INTERNAL');
      assert.doesNotMatch(JSON.stringify(error), /secret/);
      return true;
    });
    client.close();
  });

  it('survives a client that speaks no message protocol', async () => {
    const socket = connect(application.endpoints['tcp']!.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    socket.write('nonsense#{}');
    await closed;
    const client = new ClientTCP({ host: '127.0.0.1', port: application.endpoints['tcp']!.port });
    assert.ok(await firstValueFrom(client.send('tea.pour', { size: 1, name: 'x' })));
    client.close();
  });

  it('ends only after the message that is being answered', async () => {
    slowBegan = Promise.withResolvers();
    slowMayEnd = Promise.withResolvers();
    const client = new ClientTCP({ host: '127.0.0.1', port: application.endpoints['tcp']!.port });
    const answer = firstValueFrom(client.send('tea.slow', {}));
    await slowBegan.promise;
    const stopped = lifecycle.stop('test');
    slowMayEnd.resolve();
    assert.deepEqual(await answer, { slow: true });
    await stopped;
    client.close();
  });
});
