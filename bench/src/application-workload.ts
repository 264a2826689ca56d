/** The application's workload on a loaded graph, through the gateway with authentication on: 60 % home feed, 30 % an author's posts, 10 % post (after DeathStarBench's social network). */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { load } from '@switchyard/demo/load';
import { readGraph, readPosts } from '@switchyard/demo/script';
import type { Script } from '@switchyard/demo/script';
import { YardUnderTest } from '@switchyard/e2e/yard-under-test';
import { runLoad } from './http-load.ts';
import type { LoadResult } from './http-load.ts';
import { Mix } from './mix.ts';
import { verifyFeeds } from './verify-feeds.ts';
import { machine, markdownTable } from './report.ts';
import { costByProcess, fanOutLag } from './yard-figures.ts';

const HELP = `Usage: node bench/dist/application-workload.js --graph FILE --posts FILE [--seconds 20] [--rate 2500] [--connections 32]
Starts a yard of its own, loads graph and posts through the public API, and measures it.`;
const { values } = parseArgs({
  options: {
    graph: { type: 'string' },
    posts: { type: 'string' },
    seconds: { type: 'string', default: '20' },
    rate: { type: 'string', default: '2500' },
    connections: { type: 'string', default: '32' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || values.graph === undefined || values.posts === undefined) {
  console.log(HELP);
  process.exit(values.help ? 0 : 2);
}

const graph = readGraph(values.graph);
const script: Script = { ...graph, posts: readPosts(values.posts, graph.people, 4_000) };
/** What the run before has left to do, such as its fan-out, is done by then. */
const SETTLE_MS = 5_000;
const durationMs = Number(values.seconds) * 1000;
const yard = await YardUnderTest.create();
try {
  await yard.up();
  const atRest = await costByProcess(yard);
  const { clients } = await load(script, { origin: yard.origin, output: process.stderr });
  await verifyFeeds(script, clients);
  const mix = new Mix(script, new Map([...clients].map(([number, client]) => [number, client.token!])));
  const settings = {
    host: '127.0.0.1',
    port: yard.gatewayPort,
    connections: Number(values.connections),
    next: () => mix.next(),
  };

  await runLoad({ ...settings, durationMs: 5_000 });
  const before = await costByProcess(yard);
  const closed = await runLoad({ ...settings, durationMs });
  const after = await costByProcess(yard);
  await pause(SETTLE_MS);
  const open = await runLoad({ ...settings, durationMs, ratePerSecond: Number(values.rate) });
  const afterLoad = await costByProcess(yard);

  console.log(
    `\n## Application workload\n\n${machine()}; ${script.people.length} people, ${script.friendships.length} friendships, ${script.posts.length} posts\n`,
  );
  console.log(
    markdownTable(
      ['run', 'requests/s', 'p50 ms', 'p90 ms', 'p99 ms', 'wrong answers'],
      [row('closed loop, as fast as answers come', closed), row(`open loop at ${values.rate}/s`, open)],
    ),
  );
  console.log(
    `\n${markdownTable(
      ['request (open loop)', 'answered', 'p50 ms', 'p99 ms'],
      [...open.latencyUs].map(([kind, histogram]) => [
        kind,
        histogram.totalCount,
        ms(histogram.getValueAtPercentile(50)),
        ms(histogram.getValueAtPercentile(99)),
      ]),
    )}`,
  );
  console.log(
    `\n${markdownTable(
      ['process', 'CPU µs per request (closed loop)', 'MiB at rest', 'MiB after load'],
      [...atRest].map(([name, cost]) => [
        name,
        ((after.get(name)!.cpuSeconds - before.get(name)!.cpuSeconds) * 1e6) / closed.answered,
        cost.memoryMiB,
        afterLoad.get(name)!.memoryMiB,
      ]),
    )}`,
  );
  console.log(`\nFan-out lag: ${await fanOutLag(yard)}`);
  for (const [fault, count] of [...closed.wrong, ...open.wrong]) console.log(`wrong answer, ${count} times: ${fault}`);
  process.exitCode = closed.wrong.size + open.wrong.size === 0 ? 0 : 1;
} finally {
  await yard.remove();
}

function row(label: string, result: LoadResult): (string | number)[] {
  const all = result.latencyUs.get('all')!;
  return [
    label,
    Math.round(result.ratePerSecond),
    ms(all.getValueAtPercentile(50)),
    ms(all.getValueAtPercentile(90)),
    ms(all.getValueAtPercentile(99)),
    [...result.wrong.values()].reduce((sum, count) => sum + count, 0),
  ];
}

function ms(microseconds: number): number {
  return Number((microseconds / 1000).toPrecision(3));
}
