/** Proves that messages find their service through swaps and failures, with real Nest servers. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import type { Instance } from '@switchyard/contracts/registry';
import { createLocalJWKSet } from 'jose';
import { z } from 'zod';
import { defineErrors, RefusedRequest, refuse, Unavailable } from '../errors.ts';
import { IdentityVerifier, ServiceTokenVerifier } from '../identity/tokens.ts';
import { Lifecycle } from '../lifecycle.ts';
import { createLogger } from '../log.ts';
import { createMetrics } from '../metrics.ts';
import { createServiceApplication } from '../nest/create-service-application.ts';
import { ValidMessage } from '../nest/decorators.ts';
import { TableUnderTest, testInstance } from '../registry/test-table.ts';
import { currentTrace, enterTrace, runInTrace } from '../trace.ts';
import { MessageClient, MessageRefused } from './message-client.ts';

const log = createLogger({ service: 'test', level: 'silent' });
const errors = defineErrors('ECHO', { TIRED: { kind: 'conflict', title: 'Too tired', retryable: true } });
const said = z.object({ said: z.number(), by: z.string() });

/** A service that echoes, under a name, as a real Nest application on a real socket. */
async function echo(name: string) {
  const held: (() => void)[] = [];
  const arrived = Promise.withResolvers<void>();
  @Controller()
  class EchoController {
    @MessagePattern('echo.say')
    say(@ValidMessage(z.strictObject({ n: z.number() })) { n }: { n: number }) {
      return { said: n, by: name };
    }
    @MessagePattern('echo.trace')
    trace() {
      return { id: currentTrace()?.traceId, request: currentTrace()?.requestId };
    }
    @MessagePattern('echo.tired')
    tired() {
      throw new RefusedRequest(refuse(errors.TIRED, { detail: 'Come back later' }));
    }
    @MessagePattern('echo.hold')
    async hold({ n }: { n: number }) {
      arrived.resolve();
      await new Promise<void>((resolve) => held.push(resolve));
      return { said: n, by: name };
    }
  }
  const lifecycle = new Lifecycle(log);
  const keys = createLocalJWKSet({ keys: [] });
  const { endpoints } = await createServiceApplication({
    module: { controllers: [EchoController] },
    parts: {
      environment: { HOST: '127.0.0.1' } as never,
      log,
      lifecycle,
      metrics: createMetrics(),
      identity: new IdentityVerifier(keys, 'echo'),
      serviceTokens: new ServiceTokenVerifier(keys),
    },
    tcpPort: 0,
  });
  return {
    found: instanceAt(name, endpoints['tcp']!.port),
    arrived: arrived.promise,
    release: () => held.forEach((resolve) => resolve()),
    stop: () => lifecycle.stop('test'),
  };
}

describe('a message client', () => {
  let yard = new TableUnderTest();
  const ends: (() => Promise<unknown>)[] = [];
  const clientOf = () => {
    const client = new MessageClient({ finder: yard.finder, log });
    ends.push(() => client.close());
    return client;
  };
  const serviceNamed = async (name: string) => {
    const service = await echo(name);
    ends.push(async () => {
      service.release();
      await service.stop();
    });
    return service;
  };
  const say = (client: MessageClient, n: number, timeoutMs = 5_000) =>
    client.request({ service: 'echo', pattern: 'echo.say', payload: { n }, answer: said, timeoutMs });
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
    yard = new TableUnderTest();
  });
  /** Makes a deployment live that has these instances and the first one's name. */
  const goLive = (...instances: Instance[]) => yard.set('echo', instances[0]!.id, { [instances[0]!.id]: instances });

  it('gives each of many concurrent requests its own answer', async () => {
    goLive((await serviceNamed('one')).found);
    const client = clientOf();
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => say(client, n)));
    assert.deepEqual(
      answers.map((answer) => answer.said),
      Array.from({ length: 200 }, (_, n) => n),
    );
  });

  it('follows a swap: new requests go to the new side, the one under way is answered by the old', async () => {
    const [old, next] = [await serviceNamed('old'), await serviceNamed('next')];
    const client = clientOf();
    goLive(old.found);
    const slow = client.request({
      service: 'echo',
      pattern: 'echo.hold',
      payload: { n: 1 },
      answer: said,
      timeoutMs: 10_000,
    });
    await old.arrived;
    goLive(next.found);
    assert.equal((await say(client, 2)).by, 'next');
    assert.deepEqual(yard.finder.inFlight(), { old: 1 }, 'the swap is told to wait for it');
    const stopped = old.stop();
    old.release();
    assert.equal((await slow).by, 'old');
    assert.deepEqual(yard.drained, [{}]);
    await stopped;
    assert.equal((await say(client, 3)).by, 'next');
  });

  it('counts a request as in flight from before it is dialled until it is answered, refused or given up', async () => {
    const silent = await listening(ends, (socket) => socket.resume());
    const tired = await serviceNamed('tired');
    const client = clientOf();
    goLive(foundAt(silent));
    const waiting = say(client, 1, 30);
    assert.deepEqual(yard.finder.inFlight(), { raw: 1 });
    await assert.rejects(waiting, Unavailable);
    goLive(tired.found);
    await assert.rejects(
      client.request({ service: 'echo', pattern: 'echo.tired', payload: {}, answer: said }),
      MessageRefused,
    );
    await tired.stop();
    await assert.rejects(say(client, 2), Unavailable);
    assert.deepEqual(yard.finder.inFlight(), {});
  });

  it('passes over an instance that cannot be connected to', async () => {
    const gone = await serviceNamed('gone');
    await gone.stop();
    goLive(gone.found, (await serviceNamed('there')).found);
    const client = clientOf();
    for (let n = 0; n < 4; n++) assert.equal((await say(client, n)).by, 'there');
  });

  it('answers Unavailable when there is no instance, or none that can be connected to', async () => {
    const client = clientOf();
    await assert.rejects(say(client, 1), Unavailable);
    const gone = await serviceNamed('gone');
    await gone.stop();
    goLive(gone.found);
    await assert.rejects(say(client, 1), Unavailable);
  });

  it('never waits longer than its deadline, also for a server that accepts and says nothing', async () => {
    const silent = await listening(ends, (socket) => socket.resume());
    goLive(foundAt(silent));
    const client = clientOf();
    await assert.rejects(say(client, 1, 30), Unavailable);
  });

  it('answers Unavailable when the connection breaks under a request, and dials again for the next', async () => {
    let sockets = 0;
    const cutting = await listening(ends, (socket) =>
      socket.once('data', () => {
        sockets++;
        socket.destroy();
      }),
    );
    goLive(foundAt(cutting));
    const client = clientOf();
    for (let n = 0; n < 2; n++) await assert.rejects(say(client, n), Unavailable);
    assert.equal(sockets, 2);
  });

  it('gives a refusal with its code, and says so when nobody takes the message or the answer is another than agreed', async () => {
    goLive((await serviceNamed('one')).found);
    const client = clientOf();
    const ask = (pattern: string, payload = {}) =>
      client.request({ service: 'echo', pattern, payload, answer: said, timeoutMs: 5_000 });
    await assert.rejects(
      ask('echo.tired'),
      (error) => error instanceof MessageRefused && error.problem.code === 'ECHO_TIRED' && error.problem.retryable,
    );
    await assert.rejects(
      ask('echo.say', { n: 'x' }),
      (error) => error instanceof MessageRefused && error.problem.code === 'REQUEST_INVALID',
    );
    await assert.rejects(ask('echo.nothing'), /no matching message handler/i);
    await assert.rejects(ask('echo.trace'), z.ZodError);
  });

  it('carries the trace and the request id along', async () => {
    goLive((await serviceNamed('one')).found);
    const trace = enterTrace(undefined, 'request-7');
    const answer = await runInTrace(trace, () =>
      clientOf().request({
        service: 'echo',
        pattern: 'echo.trace',
        payload: {},
        answer: z.object({ id: z.string(), request: z.string() }),
        timeoutMs: 5_000,
      }),
    );
    assert.deepEqual(answer, { id: trace.traceId, request: 'request-7' });
  });
});

/** A server that speaks no message protocol. */
async function listening(ends: (() => Promise<unknown>)[], take: (socket: Socket) => unknown): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    take(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return server;
}

const foundAt = (server: Server): Instance => instanceAt('raw', (server.address() as AddressInfo).port);
const instanceAt = (id: string, port: number): Instance => testInstance(id, { endpoints: { tcp: { port } } });
