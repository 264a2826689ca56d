/** Ten thousand connections that do nothing for half a minute, then ask something each: what one costs, and whether all of them still work. `--connections 10000` */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startYardRig } from '../gateway/yard-rig.ts';
import { heldBy } from './equipment/process-watch.ts';
import { percentile, timedLoad } from './equipment/timed-load.ts';
import { TrialService } from './equipment/trial-service.ts';
import { runTrial } from './equipment/trial.ts';

const IDLE_MS = 30_000;
const ANSWER_MS = 20_000;
const BATCH = 200;
const KIB_MAX = 20;

const { values } = parseArgs({ options: { connections: { type: 'string', default: '10000' } } });
const count = Number(values.connections);

/** Whether a GET on it is answered 200, and its answer is whole. */
function ask(socket: Socket, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let said = '';
    const over = (isGood: boolean) => {
      clearTimeout(late);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      resolve(isGood);
    };
    const late = setTimeout(() => over(false), ANSWER_MS);
    socket.on('data', (piece: Buffer) => {
      said += piece.toString('latin1');
      if (said.includes('\r\n\r\n') && said.endsWith('}')) over(said.startsWith('HTTP/1.1 200 '));
    });
    socket.once('close', () => over(false));
    socket.once('error', () => over(false));
    socket.write(`GET /sleep HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  });
}

async function askAll(sockets: readonly Socket[], port: number): Promise<number> {
  let good = 0;
  for (let from = 0; from < sockets.length; from += BATCH) {
    const answers = await Promise.all(sockets.slice(from, from + BATCH).map((socket) => ask(socket, port)));
    good += answers.filter(Boolean).length;
  }
  return good;
}

await runTrial(`${count} idle connections`, 5, async (trial) => {
  const [service] = (await TrialService.startAll(trial, 1)) as [TrialService];
  const rig = await startYardRig();
  trial.atEnd(() => rig.stop());
  await rig.register(service.name, { service: 'trial', port: service.port, routes: ['/'] });
  const quick = () => timedLoad({ port: rig.port, path: '/sleep', ratePerSecond: 200, seconds: 5 });
  // A gateway that has worked: what it has taken by then is not the connections'.
  const before = await quick();
  await pause(2_000);
  const rest = heldBy(rig.gateway.pid);
  const sockets: Socket[] = [];
  for (let from = 0; from < count; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - from) }, () => connect(rig.port, '127.0.0.1'));
    sockets.push(...batch);
    await Promise.all(
      batch.map((one) => new Promise((resolve, reject) => one.once('connect', resolve).once('error', reject))),
    );
  }
  trial.atEnd(() => sockets.forEach((one) => one.destroy()));
  await pause(2_000);
  const fresh = heldBy(rig.gateway.pid);
  const goodFirst = await askAll(sockets, rig.port);
  await pause(2_000);
  const used = heldBy(rig.gateway.pid);
  const beside = await quick();
  trial.tell(`${goodFirst} answered once; ${IDLE_MS / 1_000} s of silence`);
  await pause(IDLE_MS);
  const goodLater = await askAll(sockets, rig.port);
  const late = heldBy(rig.gateway.pid);
  for (const one of sockets) one.destroy();
  await pause(3_000);
  const after = heldBy(rig.gateway.pid);
  const kib = (held: typeof rest): number => ((held.privateMiB - rest.privateMiB) * 1_024) / count;
  const took = ({ requests }: typeof before): string =>
    `p50 ${percentile(
      requests.map(({ tookMs }) => tookMs),
      0.5,
    ).toFixed(2)} ms, p99 ${percentile(
      requests.map(({ tookMs }) => tookMs),
      0.99,
    ).toFixed(2)} ms`;
  trial.figure('at rest', `${rest.privateMiB.toFixed(1)} MiB, ${rest.descriptors} descriptors`);
  trial.figure(
    'with fresh connections',
    `${fresh.privateMiB.toFixed(1)} MiB: ${kib(fresh).toFixed(1)} KiB each; ${fresh.descriptors} descriptors`,
  );
  trial.figure('after a request on each', `${used.privateMiB.toFixed(1)} MiB: ${kib(used).toFixed(1)} KiB each`);
  trial.figure(
    'after a second one, half a minute later',
    `${late.privateMiB.toFixed(1)} MiB: ${kib(late).toFixed(1)} KiB each`,
  );
  trial.figure('when they are gone', `${after.privateMiB.toFixed(1)} MiB, ${after.descriptors} descriptors`);
  trial.figure('200 GETs a second without them, beside them', `${took(before)}; ${took(beside)}`);
  trial.promise('a request on each is answered', goodFirst === count, `${goodFirst} of ${count}`);
  trial.promise('and another one after 30 s', goodLater === count, `${goodLater} of ${count}`);
  trial.promise(`an idle connection costs at most ${KIB_MAX} KiB`, kib(used) <= KIB_MAX, `${kib(used).toFixed(1)} KiB`);
  // A batch asked at once, and connections to the service are kept for a minute.
  trial.promise(
    'their descriptors are given back',
    after.descriptors <= rest.descriptors + BATCH + 20,
    `${rest.descriptors}, then ${after.descriptors}`,
  );
});
