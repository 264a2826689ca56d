/** Swaps under load: what a client sees of them, how long they take, and the same beside pm2, nginx and a plain restart. `node bench/dist/swap-storm.js` */
import { parseArgs } from 'node:util';
import type { Histogram } from 'hdr-histogram-js';
import { machine, markdownTable, median } from './report.ts';
import { openNginx, openRestart } from './swap-storm-peers.ts';
import type { OnStop } from './swap-storm-peers.ts';
import { openPm2 } from './swap-storm-pm2.ts';
import { failuresByReason, runRound } from './swap-storm-round.ts';
import type { RoundFigures, Subject } from './swap-storm-round.ts';
import { YardSubject } from './swap-storm-yard.ts';
import type { CommandTime } from './swap-storm-yard.ts';

const HELP = `Usage: node bench/dist/swap-storm.js [--swaps 10] [--rate 200] [--pause 2] [--rollbacks 5] [--language node|python]
       [--only switchyard,pm2,nginx,restart] [--peer-swaps 5] [--peer-rate 200] [--streams 20] [--sockets 20] [--quiet-every 1] [--slow-max 3]
Swaps a probe again and again while a client counts every request (rate: requests a second; pause: seconds of quiet
after every so many swaps; slow-max: seconds that the slowest answers take, which each swap waits for).
The probe behind the yard ends at once on SIGTERM; behind its peers it is tried both ways.
Fails when a request of the yard's did, or a post was lost or done twice.`;
const { values } = parseArgs({
  options: {
    swaps: { type: 'string', default: '10' },
    rate: { type: 'string', default: '200' },
    pause: { type: 'string', default: '2' },
    rollbacks: { type: 'string', default: '5' },
    language: { type: 'string', default: 'node' },
    only: { type: 'string', default: 'switchyard,pm2,nginx,restart' },
    'peer-swaps': { type: 'string' },
    'peer-rate': { type: 'string' },
    streams: { type: 'string', default: '20' },
    sockets: { type: 'string', default: '20' },
    'quiet-every': { type: 'string', default: '1' },
    'slow-max': { type: 'string', default: '3' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || (values.language !== 'node' && values.language !== 'python')) {
  console.log(HELP);
  process.exit(values.help ? 0 : 2);
}
const { language } = values;
const wanted = values.only.split(',');
const settings = {
  swaps: Number(values.swaps),
  ratePerSecond: Number(values.rate),
  streams: Number(values.streams),
  // The probe in Python has no WebSockets.
  sockets: language === 'python' ? 0 : Number(values.sockets),
  pauseMs: Number(values.pause) * 1000,
  quietEvery: Number(values['quiet-every']),
  slowMaxMs: Number(values['slow-max']) * 1000,
};
const peerSettings = {
  ...settings,
  swaps: Number(values['peer-swaps'] ?? Math.min(5, settings.swaps)),
  ratePerSecond: Number(values['peer-rate'] ?? values.rate),
  sockets: Number(values.sockets),
};
const KIT_SWAPS = 3;
const PEERS: readonly (readonly [string, (onStop: OnStop) => Promise<Subject>])[] = [
  ['pm2', openPm2],
  ['nginx', openNginx],
  ['restart', openRestart],
];

console.log(`\n## Swaps under load\n\n${machine()}; ${settings.ratePerSecond} requests/s (peers ${peerSettings.ratePerSecond}), \
${settings.streams} event streams, ${settings.sockets} WebSockets\n`);
const rounds: RoundFigures[] = [];
if (wanted.includes('switchyard')) rounds.push(await stormYard());
for (const [name, open] of PEERS) {
  if (!wanted.includes(name)) continue;
  // First as each peer asks of its services, then with the one that the yard has to do with.
  for (const onStop of ['graceful', 'exit'] as const) {
    const subject = await open(onStop);
    try {
      rounds.push(await runRound(subject, peerSettings));
    } finally {
      await subject.close();
    }
  }
}
console.log(sideBySide(rounds));
for (const { name, result, verification } of rounds) {
  if (result.failed > 0) console.log(`\n${name}, of the first thousand failures:\n`);
  for (const [reason, count] of failuresByReason(result)) console.log(`- ${count} times ${reason}`);
  if (!verification.isGood) console.log(`\n${name}: ${verification.examples.join('; ')}`);
}
const ours = rounds.find(({ name }) => name === 'switchyard');
if (ours !== undefined && (ours.result.failed > 0 || !ours.verification.isGood)) process.exitCode = 1;

async function stormYard(): Promise<RoundFigures> {
  const yard = await YardSubject.open(language);
  try {
    const rollbacks: CommandTime[] = [];
    const round = await runRound(yard, {
      ...settings,
      afterwards: async (traffic) => {
        for (let n = 0; n < Number(values.rollbacks); n++) rollbacks.push(await yard.rollBack(traffic));
      },
    });
    const kit: CommandTime[] = [];
    for (let n = 0; n < KIT_SWAPS; n++) kit.push(await yard.swapOf('users'));
    const acknowledged = yard.reports.flatMap(({ commitToAcknowledgedMs }) => commitToAcknowledgedMs ?? []);
    const reverted = rollbacks.flatMap(({ report }) => report.revertMs ?? []);
    console.log(
      markdownTable(
        ['ms', 'p50', 'p99', 'longest', 'of'],
        [
          spread('commit to acknowledged by all', acknowledged),
          spread('rollback to a hot standby', reverted),
          spread(
            'the same, as the command takes',
            rollbacks.map(({ commandMs }) => commandMs),
          ),
          spread('swap of the probe, no bake', round.swapsMs),
          spread(
            'swap of Users (a kit service), no bake, at rest, as the command takes',
            kit.map(({ commandMs }) => commandMs),
          ),
          latency('latency in quiet times', round.quietUs),
          latency('latency in the second after a commit', round.switchUs),
        ],
      ),
    );
    const cut = yard.reports.reduce((sum, report) => sum + report.cut, 0);
    console.log(
      `\nAdded in the second after a commit: p50 ${added(round, 50)} ms, p99 ${added(round, 99)} ms. Requests cut by a drain: ${cut}.\n`,
    );
    return round;
  } finally {
    await yard.close();
  }
}

function sideBySide(all: readonly RoundFigures[]): string {
  return markdownTable(
    [
      '',
      'swaps',
      'requests',
      'failed',
      'failed per swap',
      'streams and WebSockets broken',
      'reconnects',
      'posts lost, done twice',
      'longest gap ms',
      'p99 ms quiet',
      'p99 ms around a swap',
      'swap s',
    ],
    all.map(({ name, swaps, result, verification, gapsMs, quietUs, aroundUs, swapsMs }) => {
      const { stream, socket, ...requests } = result.kinds;
      const failed = sum(Object.values(requests).map((kind) => kind.failed));
      return [
        name,
        swaps,
        sum(Object.values(requests).map((kind) => kind.sent)),
        failed,
        failed / swaps,
        (stream?.failed ?? 0) + (socket?.failed ?? 0),
        result.reconnects.stream + result.reconnects.socket,
        `${verification.lost}, ${verification.duplicated}`,
        Math.round(Math.max(0, ...gapsMs)),
        ms(quietUs.getValueAtPercentile(99)),
        ms(aroundUs.getValueAtPercentile(99)),
        swapsMs.length === 0 ? '' : median(swapsMs) / 1000,
      ];
    }),
  );
}

function spread(label: string, values: readonly number[]): (string | number)[] {
  if (values.length === 0) return [label, '', '', '', 0];
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!;
  return [label, at(0.5), at(0.99), sorted.at(-1)!, sorted.length];
}

function latency(label: string, us: Histogram): (string | number)[] {
  return [label, ms(us.getValueAtPercentile(50)), ms(us.getValueAtPercentile(99)), ms(us.maxValue), us.totalCount];
}

function added({ switchUs, quietUs }: RoundFigures, percentile: number): string {
  return ((switchUs.getValueAtPercentile(percentile) - quietUs.getValueAtPercentile(percentile)) / 1000).toFixed(1);
}

function ms(microseconds: number): number {
  return Number((microseconds / 1000).toPrecision(3));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
