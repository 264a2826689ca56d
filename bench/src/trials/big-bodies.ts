/** A gigabyte each way through the gateway with curl, at once, then to a slow reader and from a slow sender: memory must stay flat. */
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startYardRig } from '../gateway/yard-rig.ts';
import { heldBy, residentMiB, watchPeak } from './equipment/process-watch.ts';
import { TrialService } from './equipment/trial-service.ts';
import { runTrial } from './equipment/trial.ts';

const GIB = 2 ** 30;
/** Pieces that were not collected yet, of everything that is on its way: the same for any length. */
const ABOVE_REST_MAX_MIB = 96;
const run = promisify(execFile);

await runTrial('A gigabyte each way', 8, async (trial) => {
  const [service] = (await TrialService.startAll(trial, 1)) as [TrialService];
  const rig = await startYardRig();
  trial.atEnd(() => rig.stop());
  await rig.register('trial-1', { service: 'trial', port: service.port, routes: ['/'] });
  const file = path.join(trial.folder, 'gigabyte');
  const piece = Buffer.alloc(2 ** 20, 'gigabyte ');
  await pipeline(
    Readable.from(
      (function* () {
        for (let n = 0; n < 1_024; n += 1) yield piece;
      })(),
    ),
    createWriteStream(file),
  );

  /** Bytes that curl took or sent, and how long it took; throws when it fails. */
  async function curl(...words: string[]): Promise<{ status: string; down: number; up: number; seconds: number }> {
    const { stdout } = await run(
      'curl',
      [
        '-sS',
        '--fail',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code} %{size_download} %{size_upload} %{time_total}',
        ...words,
      ],
      { timeout: 240_000 },
    );
    const [status, down, up, seconds] = stdout.trim().split(' ') as [string, string, string, string];
    return { status, down: Number(down), up: Number(up), seconds: Number(seconds) };
  }
  const download = (...words: string[]) => curl(...words, `${rig.origin}/big?bytes=${GIB}`);
  const upload = (...words: string[]) =>
    curl(...words, '-H', 'content-type: application/octet-stream', `${rig.origin}/sink`);

  // What a gateway holds that has worked, not one that has just begun.
  await curl(`${rig.origin}/big?bytes=${2 ** 24}`);
  await pause(2_000);

  async function measured(what: string, transfer: () => Promise<boolean>): Promise<void> {
    const restMiB = residentMiB(rig.gateway.pid);
    const peakOf = watchPeak(rig.gateway.pid);
    const startedAt = performance.now();
    const isWhole = await transfer();
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const peak = peakOf();
    const aboveMiB = Math.max(peak.sampledMiB, peak.kernelMiB) - restMiB;
    trial.tell(`${what}: ${seconds} s, ${restMiB.toFixed(0)} MiB at rest, ${aboveMiB.toFixed(1)} MiB more at most`);
    trial.promise(`${what}: whole`, isWhole, `${seconds} s`);
    trial.promise(
      `${what}: memory`,
      aboveMiB <= ABOVE_REST_MAX_MIB,
      `${restMiB.toFixed(1)} MiB at rest, at most ${aboveMiB.toFixed(1)} more (sampled ${(peak.sampledMiB - restMiB).toFixed(1)})`,
    );
  }

  let sentUp = 0;
  /** The service says how much it got: what curl counts has the frames of chunks in it. */
  async function arrived(transfer: () => Promise<boolean>, bytes: number): Promise<boolean> {
    const before = (await service.counts()).bytes;
    const isWhole = await transfer();
    sentUp += bytes;
    return isWhole && (await service.counts()).bytes - before === bytes;
  }
  const chunked = ['-H', 'transfer-encoding: chunked'];
  const wholeUp = async (...words: string[]) => (await upload('-T', file, '-X', 'POST', ...words)).status === '200';
  const wholeDown = async (...words: string[]) => (await download(...words)).down === GIB;
  const all = async (...transfers: Promise<boolean>[]) => (await Promise.all(transfers)).every(Boolean);

  await measured('1 GiB down', () => wholeDown());
  await measured('1 GiB up', () => arrived(() => wholeUp('-H', 'expect:'), GIB));
  await measured('1 GiB up, after 100 Continue', () => arrived(() => wholeUp(), GIB));
  await measured('1 GiB up, chunked', () => arrived(() => wholeUp(...chunked), GIB));
  await measured('1 GiB each way at once, two of each', () =>
    arrived(() => all(wholeDown(), wholeDown(), wholeUp(), wholeUp(...chunked)), 2 * GIB),
  );
  await measured('1 GiB to a reader and from a sender of 40 MB/s', () =>
    arrived(() => all(wholeDown('--limit-rate', '40M'), wholeUp('--limit-rate', '40M')), GIB),
  );
  await measured('ten readers of 100 kB/s, who leave after 20 s', async () => {
    await Promise.all(
      Array.from({ length: 10 }, () => download('--limit-rate', '100k', '--max-time', '20').catch(() => null)),
    );
    return wholeDown();
  });
  trial.figure('sent up and arrived', `${sentUp / GIB} GiB`);
  await pause(3_000);
  const after = heldBy(rig.gateway.pid);
  trial.figure('afterwards', `${after.residentMiB.toFixed(1)} MiB, ${after.descriptors} descriptors`);
});
