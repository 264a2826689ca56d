/** Runs the hooks of a release, `migrate` and `contract`, as the service itself would run: with its variables, from its files. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { InstanceIdentity } from '../keeping/part-keeper.ts';
import type { Release } from '../releases/release.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Variables } from './command-line.ts';
import { PrepareFault } from './prepare-release.ts';
import { releaseCommand } from './release-command.ts';
import { runToEnd } from './run-to-end.ts';

const HOOK_TIMEOUT_MS = 1_800_000;

export interface HookParts {
  readonly runtime: Runtime;
  readonly logs: string;
  readonly inherited: NodeJS.ProcessEnv;
  readonly root: string;
  /** The variables that the yard gives to an instance of the service. */
  given(service: string, identity: InstanceIdentity): Promise<Variables>;
}

export class Hooks {
  private readonly parts: HookParts;

  constructor(parts: HookParts) {
    this.parts = parts;
  }

  /** Does nothing when the release has no such hook. Rejects with a PrepareFault when it fails. */
  async run(release: Release, which: 'migrate' | 'contract', signal: AbortSignal): Promise<void> {
    const { runtime, logs, inherited, root } = this.parts;
    const command = release.entry[which];
    if (command === undefined) return;
    const { service, deployment } = release;
    const id = `${deployment}.${which}.${randomBytes(6).toString('hex')}`;
    // Nobody listens there for a hook; it is told so that whatever reads the environment of the service can.
    const http = release.entry.ports[release.side === 'blue' ? 0 : 1];
    const given = await this.parts.given(service, { id, deployment, ports: { http } });
    const { argv, env } = await releaseCommand({ release, command, given, inherited, defaults: {}, root });
    const spec = {
      id,
      service,
      deployment,
      argv,
      cwd: release.cwd,
      env,
      ports: {},
      logFile: join(logs, service, `${deployment}.${which}.log`),
      labels: { role: 'hook', which },
    };
    const ran = await runToEnd({ runtime, spec, timeoutMs: HOOK_TIMEOUT_MS, signal });
    if (!ran.ok) throw new PrepareFault(`its ${which} hook failed (${command}: ${ran.how})`, ran.lines);
  }
}
