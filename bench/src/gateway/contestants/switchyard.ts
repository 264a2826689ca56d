/** Switchyard's gateway with every duty on, started as the yard starts it. */
import { startYardRig } from '../yard-rig.ts';
import type { YardRigOptions } from '../yard-rig.ts';
import type { Contestant, OpenContestant, Surroundings } from './contestant.ts';

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

export const switchyard: Contestant = {
  name: 'switchyard',
  says: 'Switchyard, every duty on',
  family: 'switchyard',
  open: (at) => open(at, {}),
};

export const switchyardLogging: Contestant = {
  name: 'switchyard-log',
  says: 'Switchyard, every duty and the access log on',
  family: 'switchyard',
  open: (at) => open(at, { logLevel: 'info' }),
};
