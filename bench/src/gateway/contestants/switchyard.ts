/** Switchyard's gateway, started as the yard starts it, and its proxy's path alone. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { freePorts } from '@switchyard/e2e/yard-under-test';
import { accepts, start, untilUp } from '../started-process.ts';
import { NODE_FLAGS, startYardRig } from '../yard-rig.ts';
import type { YardRigOptions } from '../yard-rig.ts';
import { Absent, STRANGE_TOKEN } from './contestant.ts';
import type { Contestant, OpenContestant, Surroundings } from './contestant.ts';

/** Listens on PORT and sends everything to the ports of UPSTREAM_PORTS, by the gateway's own client and relay, with no duty on. */
const BARE_MAIN = path.join(import.meta.dirname, '../bare.js');

async function open(at: Surroundings, options: YardRigOptions): Promise<OpenContestant> {
  const rig = await startYardRig({ gatewayCores: at.proxyCores, registryCores: at.otherCores, ...options });
  try {
    const routes = [{ path: '/', auth: 'optional' as const }];
    for (const [index, port] of at.upstream.ports.entries())
      await rig.register(`upstream-${index + 1}`, { service: 'upstream', port, routes, weight: 1 });
  } catch (error) {
    await rig.stop();
    throw error;
  }
  return { origin: rig.origin, pid: rig.gateway.pid, token: () => rig.accessToken(), close: () => rig.stop() };
}

async function openBare(at: Surroundings): Promise<OpenContestant> {
  if (!existsSync(BARE_MAIN)) throw new Absent(`there is no ${path.relative(process.cwd(), BARE_MAIN)}`);
  const [port] = (await freePorts(1)) as [number];
  const folder = path.join(at.folder, 'bare');
  await mkdir(folder, { recursive: true });
  const outputFile = path.join(folder, 'output.log');
  const one = start({
    name: 'bare',
    command: [process.execPath, ...NODE_FLAGS, BARE_MAIN],
    cores: at.proxyCores,
    env: { PORT: String(port), UPSTREAM_PORTS: at.upstream.ports.join(',') },
    cwd: folder,
    outputFile,
  });
  await untilUp(one, outputFile, () => accepts(port));
  return {
    origin: `http://127.0.0.1:${port}`,
    pid: one.pid,
    token: () => Promise.resolve(STRANGE_TOKEN),
    close: () => one.stop(),
  };
}

const contestant = (name: string, says: string, opens: Contestant['open']): Contestant => ({
  name,
  says,
  family: 'switchyard',
  open: opens,
});

export const switchyards: readonly Contestant[] = [
  contestant('switchyard', 'Switchyard, every duty on', (at) => open(at, {})),
  contestant('switchyard-log', 'Switchyard, access log on too', (at) => open(at, { logLevel: 'info' })),
  contestant('switchyard-bare', 'Switchyard, the proxy alone', openBare),
];

/** Both cores for the proxy, which it shares with the load: to be measured beside one worker, not beside peers. */
export const switchyardOnBothCores: readonly Contestant[] = [
  contestant('switchyard-1-worker', 'Switchyard, 1 worker, both cores', (at) =>
    open(at, { gatewayCores: at.allCores, settings: { workers: 1 } }),
  ),
  contestant('switchyard-2-workers', 'Switchyard, 2 workers, both cores', async (at) => {
    const opened = await open(at, { gatewayCores: at.allCores, settings: { workers: 2 } });
    // The first worker starts the others.
    if (childrenOf(opened.pid) >= 1) return opened;
    await opened.close();
    throw new Absent('this gateway has no workers');
  }),
];

const childrenOf = (pid: number): number =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).length;
