/** A service with instances for tests without I/O, on a clock and with chance of the test's own. */
import { DEFAULT_SETTINGS } from '@switchyard/contracts/gateway-settings';
import type { ServiceEntry } from '@switchyard/contracts/registry';
import { route } from '@switchyard/contracts/route';
import { OpenStreams } from '../upstream/open-streams.ts';
import type { DeploymentSurroundings } from '../routing/deployment.ts';
import { Service } from '../routing/service.ts';

export interface TestClock {
  nowMs: number;
}

/** Service `x` with deployment `x-1` live, instances `0`, `1`, …, all UP. */
export function serviceOf(
  instances: number,
  around: Partial<Omit<DeploymentSurroundings, 'nowMs'>> = {},
): { service: Service; clock: TestClock; tell: (statuses: readonly ('UP' | 'DOWN')[]) => void } {
  const clock = { nowMs: 0 };
  const service = new Service('x', {
    streams: new OpenStreams(
      () => () => {},
      () => false,
    ),
    own: [],
    settings: DEFAULT_SETTINGS,
    random: () => 0,
    ...around,
    nowMs: () => clock.nowMs,
    warn: () => {},
    drained: () => {},
  });
  const tell = (statuses: readonly ('UP' | 'DOWN')[]): void => {
    const told = statuses.map((status, nth) => ({
      id: String(nth),
      host: '127.0.0.1',
      port: nth + 1,
      endpoints: {},
      status,
      weight: 1,
      zone: '',
      metadata: {},
    }));
    const routes = [route.parse('/x')];
    const deployments = { 'x-1': { version: '', side: null, routes, instances: told } };
    const entry: ServiceEntry = { declared: true, live: 'x-1', standby: null, split: null, deployments };
    service.take(entry);
  };
  tell(Array<'UP'>(instances).fill('UP'));
  return { service, clock, tell };
}

/** Mulberry32: 0 to 1, the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
