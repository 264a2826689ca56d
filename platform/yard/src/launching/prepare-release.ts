/** Gets the release that a service starts from: the one that was made of the same sources before, or a new one, built and copied. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Side } from '@switchyard/contracts/registry';
import { deploymentName, deploymentNumber } from '../releases/release.ts';
import type { Release, ReleaseEntry } from '../releases/release.ts';
import type { Releases, SourceSnapshot } from '../releases/releases.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { YardState } from '../state/yard-state.ts';
import { runToEnd } from './run-to-end.ts';

const BUILD_TIMEOUT_MS = 1_800_000;
/** Copies larger than this are told in between. */
const TELL_EVERY_BYTES = 20_000_000;

export interface BuildSource {
  readonly service: string;
  readonly dir: string;
  /** Folder of the yard. */
  readonly within: string;
  readonly build: string | undefined;
  readonly entry: ReleaseEntry;
}

/** A build or a copy that failed; another try makes sense only when the sources have changed, or it is asked for. */
export class PrepareFault extends Error {
  readonly lines: readonly string[];
  constructor(message: string, lines: readonly string[] = [], cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'PrepareFault';
    this.lines = lines;
  }
}

export interface PreparationParts {
  readonly releases: Releases;
  readonly state: YardState;
  readonly runtime: Runtime;
  readonly logs: string;
  /** Environment of build commands. */
  readonly environment: Readonly<Record<string, string>>;
  readonly now: () => Date;
}

export class Preparation {
  private readonly parts: PreparationParts;
  /** One build at a time: builds of one repository share folders (a compiler's output, caches) and fight over them. */
  private turn: Promise<unknown> = Promise.resolve();
  private readonly failed = new Map<string, { readonly fingerprint: string; readonly fault: PrepareFault }>();

  constructor(parts: PreparationParts) {
    this.parts = parts;
  }

  /** Forgets that the last build of a service failed, so that it is tried again unchanged. */
  forgive(service: string): void {
    this.failed.delete(service);
  }

  /** Rejects with a PrepareFault; the same one again, without work, while nothing has changed. */
  async prepare(source: BuildSource, tell: (detail: string) => void, signal: AbortSignal): Promise<Release> {
    let snapshot = await this.inspect(source);
    const known = await this.knownRelease(source, snapshot);
    if (known !== null) return known;
    const failure = this.failed.get(source.service);
    if (failure?.fingerprint === snapshot.fingerprint) throw failure.fault;
    const before = snapshot.fingerprint;
    try {
      if (source.build !== undefined) {
        await this.buildInTurn(source, tell, signal);
        snapshot = await this.inspect(source);
        const same = await this.knownRelease(source, snapshot);
        if (same !== null) return same;
      }
      return await this.make(source, snapshot, tell);
    } catch (error) {
      if (signal.aborted) throw error;
      const fault = error instanceof PrepareFault ? error : copyFault(error as NodeJS.ErrnoException);
      this.failed.set(source.service, { fingerprint: before, fault });
      throw fault;
    }
  }

  /** Makes a new deployment of a source, also when nothing has changed since the last one. Rejects with a PrepareFault. */
  async prepareNew(source: BuildSource, tell: (detail: string) => void, signal: AbortSignal): Promise<Release> {
    const snapshot = await this.inspect(source);
    try {
      const isBuilt = source.build === undefined || (await this.sameRelease(source, snapshot)) !== null;
      if (isBuilt) return await this.make(source, snapshot, tell);
      await this.buildInTurn(source, tell, signal);
      return await this.make(source, await this.inspect(source), tell);
    } catch (error) {
      if (signal.aborted) throw error;
      throw error instanceof PrepareFault ? error : copyFault(error as NodeJS.ErrnoException);
    }
  }

  private async inspect(source: BuildSource): Promise<SourceSnapshot> {
    try {
      return await this.parts.releases.inspect(source);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new PrepareFault(code === 'ENOENT' ? `its folder ${source.dir} does not exist` : message, [], error);
    }
  }

  /** What was live goes on if nothing has changed since the newest was made: going back to it was meant. */
  private async knownRelease(source: BuildSource, snapshot: SourceSnapshot): Promise<Release | null> {
    const same = await this.sameRelease(source, snapshot);
    const all = await this.parts.releases.of(source.service);
    if (same === null || same.deployment !== all.at(-1)?.deployment) return same;
    const { live } = this.parts.state.of(source.service);
    return all.find((release) => release.deployment === live) ?? same;
  }

  private async sameRelease(source: BuildSource, snapshot: SourceSnapshot): Promise<Release | null> {
    const all = await this.parts.releases.of(source.service);
    return all.findLast((release) => release.fingerprint === snapshot.fingerprint) ?? null;
  }

  private buildInTurn(source: BuildSource, tell: (detail: string) => void, signal: AbortSignal): Promise<void> {
    tell('waiting for another build');
    return this.inTurn(async () => {
      signal.throwIfAborted();
      tell(`building: ${source.build}`);
      await this.build(source, source.build!, signal);
    });
  }

  private async make(source: BuildSource, snapshot: SourceSnapshot, tell: (detail: string) => void): Promise<Release> {
    const { releases, state } = this.parts;
    const made = await releases.of(source.service);
    const newest = Math.max(0, ...made.map((release) => deploymentNumber(source.service, release.deployment) ?? 0));
    const deployment = deploymentName(source.service, await state.nextNumber(source.service, newest));
    const side: Side = state.of(source.service).side === 'blue' ? 'green' : 'blue';
    tell(`copying as ${deployment}`);
    let copied = 0;
    let toldAt = 0;
    return releases.make(snapshot, { deployment, side, madeAt: this.parts.now() }, (bytes) => {
      copied += bytes;
      if (copied - toldAt < TELL_EVERY_BYTES) return;
      toldAt = copied;
      tell(`copying as ${deployment}: ${Math.round(copied / 1e6)} MB`);
    });
  }

  private async build(source: BuildSource, build: string, signal: AbortSignal): Promise<void> {
    const { runtime, environment, logs } = this.parts;
    const id = `${source.service}.build.${randomBytes(6).toString('hex')}`;
    const logFile = join(logs, source.service, 'build.log');
    await rm(logFile, { force: true });
    const ran = await runToEnd({
      runtime,
      spec: {
        id,
        service: source.service,
        deployment: 'build',
        argv: ['/bin/sh', '-c', build],
        cwd: source.dir,
        env: { ...environment, INSTANCE_ID: id },
        ports: {},
        logFile,
        labels: { role: 'build' },
      },
      timeoutMs: BUILD_TIMEOUT_MS,
      signal,
    });
    if (!ran.ok) throw new PrepareFault(`its build failed (${build}: ${ran.how})`, ran.lines);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }
}

function copyFault(error: NodeJS.ErrnoException): PrepareFault {
  const sentence =
    error.code === 'ENOSPC'
      ? 'the disk is full: its release could not be copied'
      : `its release could not be made: ${error.message}`;
  return new PrepareFault(sentence, [], error);
}
