/** A whole yard with a probe among its services, swapped and rolled back by its own commands. */
import { addProbe } from '@switchyard/e2e/traffic/probe-files';
import type { ProbeLanguage } from '@switchyard/e2e/traffic/probe-files';
import type { Traffic } from '@switchyard/e2e/traffic/traffic';
import { freePorts, YardUnderTest } from '@switchyard/e2e/yard-under-test';
import type { Subject, SwapMoment } from './swap-storm-round.ts';

/** What of a swap's report is looked at here. */
export interface SwapReport {
  readonly startedAt: string;
  readonly endedAt: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly timeline: readonly { readonly stage: string; readonly atMs: number }[];
  readonly commitToAcknowledgedMs: number | null;
  readonly revertMs: number | null;
  readonly cut: number;
}

export interface CommandTime {
  readonly report: SwapReport;
  /** The whole command, from the shell's point of view. */
  readonly commandMs: number;
}

const PROBE = 'probe';

export class YardSubject implements Subject {
  readonly name = 'switchyard';
  readonly order = 'forwards';
  readonly origin: string;
  readonly prefix: string;
  readonly countsFile: string;
  readonly reports: SwapReport[] = [];
  private readonly yard: YardUnderTest;

  private constructor(yard: YardUnderTest, at: { readonly prefix: string; readonly countsFile: string }) {
    this.yard = yard;
    this.origin = `http://127.0.0.1:${yard.gatewayPort}`;
    this.prefix = at.prefix;
    this.countsFile = at.countsFile;
  }

  /** Up and ready. The probe ends at once on SIGTERM: whatever still runs on it then is lost, and seen. */
  static async open(language: ProbeLanguage): Promise<YardSubject> {
    const yard = await YardUnderTest.create();
    const [blue, green] = (await freePorts(2)) as [number, number];
    const at = await addProbe(yard.folder, PROBE, { ports: [blue, green], language, settings: { onStop: 'exit' } });
    try {
      await yard.up();
    } catch (error) {
      await yard.remove();
      throw error;
    }
    return new YardSubject(yard, at);
  }

  async swap(): Promise<SwapMoment> {
    const { report } = await this.command('swap', PROBE, '--bake', '0s');
    if (report.outcome !== 'done') throw new Error(`the swap was ${report.outcome}: ${report.reason}`);
    this.reports.push(report);
    const startedAtMs = Date.parse(report.startedAt);
    const { atMs } = report.timeline.find(({ stage }) => stage === 'committed')!;
    return { startedAtMs, switchedAtMs: startedAtMs + atMs, endedAtMs: Date.parse(report.endedAt) };
  }

  /** A swap that is taken back while the deployment before is hot. */
  async rollBack(traffic: Traffic): Promise<CommandTime> {
    await this.command('swap', PROBE, '--bake', '1h', '--no-wait');
    traffic.expectReturn();
    const back = await this.command('rollback', PROBE);
    traffic.expectForward();
    return back;
  }

  /** A whole swap of a service without a bake. */
  async swapOf(service: string): Promise<CommandTime> {
    return this.command('swap', service, '--bake', '0s');
  }

  close(): Promise<void> {
    return this.yard.remove();
  }

  private async command(...words: string[]): Promise<CommandTime> {
    const startedAt = performance.now();
    const { code, stdout, stderr } = await this.yard.yard(...words, '--json');
    const commandMs = performance.now() - startedAt;
    if (code !== 0) throw new Error(`yard ${words.join(' ')} ended with ${code}:\n${stdout.slice(-2_000)}${stderr}`);
    return { report: lastReport(stdout, words), commandMs };
  }
}

/** Events come first, one JSON object a line; the report is the last that has a timeline. */
function lastReport(stdout: string, words: readonly string[]): SwapReport {
  for (const line of stdout.trim().split('\n').toReversed()) {
    const said = JSON.parse(line) as { report?: SwapReport } & Partial<SwapReport>;
    const report = said.report ?? said;
    if (report.timeline !== undefined) return report as SwapReport;
  }
  // A swap that goes on by itself has none yet.
  if (words.includes('--no-wait')) return { timeline: [] } as unknown as SwapReport;
  throw new Error(`yard ${words.join(' ')} printed no report:\n${stdout.slice(-2_000)}`);
}
