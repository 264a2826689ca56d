/** Changes of what a gateway routes by, one after the other, made at a real registry: for load to run beside. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { YardRig } from '../../gateway/yard-rig.ts';
import { registrationOf } from './probe-instances.ts';
import type { ProbeInstance, ProbeInstances } from './probe-instances.ts';

export const DEPLOYMENTS = ['probe-1', 'probe-2'] as const;
/** Longer than any answer of the traffic, streams aside, which are ended when their instance leaves. */
const DRAIN_MS = 6_000;
const HALF_A_TURN_MS = 500;

/** What changes, in turn: instances leave and come back, are replaced, weigh more or less, are marked; what is live flips, or is split. */
export class Changes {
  refused = 0;
  private readonly counts = new Map<string, number>();
  private turn = 0;
  private live = 0;
  private epoch = 0;
  private readonly away = new Set<ProbeInstance>();
  private replacing: Promise<void> = Promise.resolve();
  private readonly rig: YardRig;
  private readonly probes: ProbeInstances;
  private readonly instances: ProbeInstance[];
  private readonly operator: string;

  constructor(rig: YardRig, probes: ProbeInstances, instances: ProbeInstance[], operator: string) {
    this.rig = rig;
    this.probes = probes;
    this.instances = instances;
    this.operator = operator;
  }

  get summary(): string {
    return [...this.counts].map(([what, count]) => `${what} ${count}`).join(', ');
  }

  settled(): Promise<void> {
    return this.replacing;
  }

  async next(): Promise<void> {
    this.turn += 1;
    const kind = this.turn % 6;
    try {
      if (kind === 0) await this.flip(null);
      else if (kind === 3) await this.flip({ [DEPLOYMENTS[0]]: 50, [DEPLOYMENTS[1]]: 50 });
      else if (this.turn % 30 === 1) this.replacing = this.replacing.then(() => this.replace());
      else if (kind === 1 || kind === 4) await this.weigh();
      else await this.leaveOrReturn();
    } catch (error) {
      this.refused += 1;
      console.error(String(error));
    }
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  private async flip(split: Readonly<Record<string, number>> | null): Promise<void> {
    if (split === null) this.live = 1 - this.live;
    const [live, standby] = this.live === 0 ? DEPLOYMENTS : [DEPLOYMENTS[1], DEPLOYMENTS[0]];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const answer = await fetch(`${this.rig.registryUrl}/v1/live`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${this.operator}` },
        body: JSON.stringify({
          expect: this.epoch,
          changes: { probe: { live, standby: split === null ? standby : null, split } },
        }),
        signal: AbortSignal.timeout(5_000),
      });
      const said = (await answer.json()) as { readonly epoch?: number };
      if (answer.status !== 200 && answer.status !== 409)
        throw new Error(`POST /v1/live: ${answer.status} ${JSON.stringify(said)}`);
      this.epoch = said.epoch ?? this.epoch;
      if (answer.status === 200) return this.count(split === null ? 'flips' : 'splits');
    }
    throw new Error('POST /v1/live: three times 409');
  }

  private pick(): ProbeInstance {
    return this.instances[Math.floor(Math.random() * this.instances.length)]!;
  }

  private async weigh(): Promise<void> {
    const one = this.pick();
    if (this.away.has(one)) return this.leaveOrReturn();
    const isMarked = this.turn % 12 === 4 && this.present(one.deployment) > 1;
    await this.put(one, { weight: 1 + Math.floor(Math.random() * 9), status: isMarked ? 'OUT_OF_SERVICE' : 'UP' });
    this.count(isMarked ? 'marked out of service' : 'weights');
    if (!isMarked) return;
    await pause(HALF_A_TURN_MS);
    await this.put(one, {});
  }

  /** One that was taken out goes on answering what it has. */
  private async leaveOrReturn(): Promise<void> {
    const [back] = this.away;
    if (back !== undefined && (this.away.size > 1 || this.turn % 2 === 0)) {
      await this.put(back, {});
      this.away.delete(back);
      return this.count('came back');
    }
    const one = this.pick();
    if (this.away.has(one) || this.present(one.deployment) < 2) return;
    await this.rig.remove(one.id);
    this.away.add(one);
    this.count('left');
  }

  private async replace(): Promise<void> {
    const old = this.instances.find((one) => !this.away.has(one) && this.present(one.deployment) > 1);
    if (old === undefined) return;
    const one = await this.probes.start(old.deployment);
    await this.put(one, {});
    this.instances.push(one);
    this.instances.splice(this.instances.indexOf(old), 1);
    await this.rig.remove(old.id);
    await pause(DRAIN_MS);
    await old.process.stop();
    this.count('processes replaced');
  }

  private present(deployment: string): number {
    return this.instances.filter((one) => one.deployment === deployment && !this.away.has(one)).length;
  }

  private async put(
    one: ProbeInstance,
    more: { readonly weight?: number; readonly status?: 'UP' | 'OUT_OF_SERVICE' },
  ): Promise<void> {
    await putInstance(this.rig.registryUrl, one, more);
  }
}

/** The registry reads the file when a token does not fit. */
export async function operatorOf(rig: YardRig): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  await writeFile(path.join(rig.folder, 'operator.token'), `${token}\n`, { mode: 0o600 });
  return token;
}

async function putInstance(registryUrl: string, one: ProbeInstance, more: object): Promise<void> {
  const answer = await fetch(`${registryUrl}/v1/instances/${one.id}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(registrationOf(one, more)),
    signal: AbortSignal.timeout(5_000),
  });
  const said = await answer.text();
  if (!answer.ok) throw new Error(`PUT ${one.id}: ${answer.status} ${said}`);
}
