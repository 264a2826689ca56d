/** Proxies that people make of Node's packages, each a process of its own on this Node. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { freePorts } from '@switchyard/e2e/yard-under-test';
import { accepts, start, untilUp } from '../started-process.ts';
import { STRANGE_TOKEN } from './contestant.ts';
import type { Contestant, OpenContestant, Surroundings } from './contestant.ts';

async function open(at: Surroundings, name: string): Promise<OpenContestant> {
  const [port] = (await freePorts(1)) as [number];
  const folder = path.join(at.folder, name);
  await mkdir(folder, { recursive: true });
  const outputFile = path.join(folder, 'output.log');
  const main = path.join(import.meta.dirname, `../peers/${name}.js`);
  const one = start({
    name,
    command: [process.execPath, main],
    cores: at.proxyCores,
    cwd: folder,
    outputFile,
    env: {
      PORT: String(port),
      UPSTREAM: `http://127.0.0.1:${at.upstream.ports[0]}`,
      NODE_ENV: 'production',
    },
  });
  await untilUp(one, outputFile, () => accepts(port));
  return {
    origin: `http://127.0.0.1:${port}`,
    pid: one.pid,
    token: () => Promise.resolve(STRANGE_TOKEN),
    close: () => one.stop(),
  };
}

const peer = (name: string, says: string): Contestant => ({ name, says, family: 'node', open: (at) => open(at, name) });

export const nodePeers: readonly Contestant[] = [
  peer('httpxy', 'httpxy'),
  peer('fastify', 'Fastify + @fastify/http-proxy'),
  peer('express', 'Express + http-proxy-middleware'),
];
