/** Instances of the probe that tests of swaps use (e2e/src/traffic/probe.mjs): processes of plain Node.js, each on a port of its own. */
import path from 'node:path';
import type { RegistrationInput } from '@switchyard/contracts/registry';
import { freePorts, REPOSITORY } from '@switchyard/e2e/yard-under-test';
import { answersOk, start, untilUp } from '../../gateway/started-process.ts';
import type { StartedProcess } from '../../gateway/started-process.ts';
import type { Trial } from './trial.ts';

const PROBE = path.join(REPOSITORY, 'e2e/src/traffic/probe.mjs');

export interface ProbeInstance {
  readonly id: string;
  readonly deployment: string;
  readonly port: number;
  process: StartedProcess;
}

export class ProbeInstances {
  private readonly trial: Trial;
  private started = 0;

  constructor(trial: Trial) {
    this.trial = trial;
  }

  /** Where all of them write the posts that they did. */
  get countsFile(): string {
    return path.join(this.trial.folder, 'counts.log');
  }

  /** On `port`, else on a free one; resolves when it answers. */
  async start(deployment: string, at?: number): Promise<ProbeInstance> {
    this.started += 1;
    const id = `${deployment}-${this.started}`;
    const port = at ?? (await freePorts(1))[0]!;
    const outputFile = path.join(this.trial.folder, `${id}.log`);
    const process_ = start({
      name: id,
      command: [process.execPath, PROBE],
      cwd: this.trial.folder,
      outputFile,
      env: {
        PORT: String(port),
        DEPLOYMENT_ID: deployment,
        PROBE_COUNTS: this.countsFile,
        PROBE_SETTINGS: JSON.stringify({ onStop: 'graceful' }),
      },
    });
    await untilUp(process_, outputFile, () => answersOk(`http://127.0.0.1:${port}/health`));
    return { id, deployment, port, process: process_ };
  }
}

/** What the registry is told of it. */
export const registrationOf = (instance: ProbeInstance, more: Partial<RegistrationInput> = {}): RegistrationInput => ({
  service: 'probe',
  deployment: instance.deployment,
  port: instance.port,
  routes: ['/'],
  health: '/health',
  leaseMs: 3_600_000,
  ...more,
});
