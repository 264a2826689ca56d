/** A supervisor that does not do what it should, as the commands meet it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { CommandFailed } from '../command.ts';
import { yardFolder } from '../yard-folder.ts';
import type { YardFolder } from '../yard-folder.ts';
import { askSupervisor } from './control-client.ts';

async function listening(
  onSocket: (socket: Socket) => void,
  work: (folder: YardFolder) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'yard-control-'));
  const folder = yardFolder(root);
  await mkdir(folder.state);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    onSocket(socket.on('error', () => undefined));
  }).listen(folder.socket);
  await once(server, 'listening');
  try {
    await work(folder);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
    await rm(root, { recursive: true });
  }
}

it('a supervisor that accepts and says nothing, as a stopped process does, is told to whoever asks', () =>
  listening(
    () => undefined,
    async (folder) => {
      const file = { version: 1, socket: folder.socket, pid: 4711, born: '', startedAt: '' };
      await writeFile(folder.supervisorFile, JSON.stringify(file));
      for (const asked of [{ do: 'status' }, { do: 'down', hasten: false }, { do: 'follow' }] as const) {
        await assert.rejects(
          askSupervisor(folder, asked, undefined, { statusTimeoutMs: 50 }),
          (error: CommandFailed) => {
            assert.ok(error instanceof CommandFailed);
            assert.match(error.message, /\(pid 4711\) does not answer/);
            assert.match(error.hint ?? '', /kill -CONT 4711/);
            return true;
          },
        );
      }
    },
  ));

it('a supervisor whose file is damaged or gone is found by its socket', () =>
  listening(
    (socket) => socket.end('{"version":1,"answer":"done","status":null}\n'),
    async (folder) => {
      assert.deepEqual(await askSupervisor(folder, { do: 'down', hasten: false }), { status: null, swapped: [] });
      await writeFile(folder.supervisorFile, '{"versi');
      assert.deepEqual(await askSupervisor(folder, { do: 'down', hasten: false }), { status: null, swapped: [] });
    },
  ));
