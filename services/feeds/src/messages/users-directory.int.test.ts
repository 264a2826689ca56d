/** Asking Users for handles over real TCP. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { INestMicroservice } from '@nestjs/common';
import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { RESOLVE_HANDLES, resolveHandles } from '@switchyard/contracts/users';
import type { Person } from '@switchyard/contracts/users';
import { uuidv7 } from '@switchyard/kit/ids';
import { MessageClient } from '@switchyard/kit/messaging/message-client';
import { TableUnderTest, testInstance } from '@switchyard/kit/registry/test-table';
import { log } from '../test-feeds.ts';
import { UsersDirectory } from './users-directory.ts';

const ben: Person = { id: uuidv7(), handle: 'ben', name: 'Ben' };

@Controller()
class UsersController {
  @MessagePattern(RESOLVE_HANDLES)
  resolve(@Payload() asked: unknown) {
    const { handles } = resolveHandles.parse(asked);
    return { people: handles.includes('ben') ? [ben] : [] };
  }
}

describe('the directory of users', () => {
  let users: INestMicroservice;
  let port: number;
  const clients: MessageClient[] = [];
  const directoryAt = (port: number | null) => {
    const yard = new TableUnderTest();
    const instances = port === null ? [] : [testInstance(`at-${port}`, { endpoints: { tcp: { port } } })];
    yard.set('users', 'users-1', { 'users-1': instances });
    const client = new MessageClient({ finder: yard.finder, log });
    clients.push(client);
    return new UsersDirectory(client);
  };
  before(async () => {
    port = await freePort();
    users = await NestFactory.createMicroservice(
      { module: UsersController, controllers: [UsersController] },
      {
        logger: false,
        transport: Transport.TCP,
        options: { host: '127.0.0.1', port },
      },
    );
    await users.listen();
  });
  after(async () => {
    for (const client of clients) await client.close();
    await users.close();
  });

  it('gives the people behind handles', async () => {
    assert.deepEqual(await directoryAt(port).resolve(uuidv7(), ['ben', 'nobody']), [ben]);
    assert.deepEqual(await directoryAt(port).resolve(uuidv7(), ['nobody']), []);
  });

  it('throws when Users cannot be found, does not answer, or is not there', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    for (const at of [null, (silent.address() as AddressInfo).port, await freePort()])
      await assert.rejects(directoryAt(at).resolve(uuidv7(), ['ben']));
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
