/** Files of other builds: while two deployments of this service run, a page of one may ask the other for its scripts. */
import { createHash } from 'node:crypto';
import type { Table } from '@switchyard/contracts/registry';
import type { Logger } from '@switchyard/kit/log';
import { ASKED_BY_SIBLING, ASSET } from './front-app.ts';
import type { Elsewhere } from './front-app.ts';
import type { WebFile, WebFiles } from './web-files.ts';

const TIMEOUT_MS = 2_000;
const ASKED_MAX = 3;
const KEPT_MAX = 40;
/** Longest list of files that is read from a sibling. */
const LISTED_MAX = 200;
/** All the time that fetching ahead may take. */
const AHEAD_TIMEOUT_MS = 2_000;
const BYTES_MAX = 4 * 1024 * 1024;

/**
 * A page is loaded from one deployment and its content-named files a moment later, by which time a swap or a canary may have sent the
 * browser to another. So whoever lacks such a file asks an instance of each other deployment in the registry's table (three at most, 2 s
 * each) and keeps what it got (40 files): the name stands for the content.
 *
 * Once the other deployment has been stopped there is nobody to ask, and a page of it may still be open. So a deployment that starts, while
 * the one before it still runs, fetches ahead what that one has, and hands it on to the next.
 */
export class SiblingFiles implements Elsewhere {
  readonly kept = new Map<string, WebFile>();
  private readonly readTable: () => Table | null;
  private readonly who: { readonly service: string; readonly deployment: string };
  private readonly log: Logger;

  constructor(parts: {
    readTable: () => Table | null;
    who: { readonly service: string; readonly deployment: string };
    log: Logger;
  }) {
    this.readTable = parts.readTable;
    this.who = parts.who;
    this.log = parts.log;
  }

  /** `url` is a path below `/assets/`; null when no other deployment has it. */
  async find(url: string): Promise<WebFile | null> {
    const known = this.kept.get(url);
    if (known !== undefined) return known;
    for (const origin of this.siblings()) {
      const file = await this.ask(origin, url);
      if (file === null) continue;
      const eldest = this.kept.keys().next();
      if (this.kept.size >= KEPT_MAX && eldest.done !== true) this.kept.delete(eldest.value);
      this.kept.set(url, file);
      return file;
    }
    return null;
  }

  /** Keeps what the other deployments have and `own` lacks. At most 2 s; what cannot be had is left out. How many files that were. */
  async fetchAhead(own: WebFiles): Promise<number> {
    const deadline = AbortSignal.timeout(AHEAD_TIMEOUT_MS);
    for (const origin of this.siblings())
      for (const url of await this.listOf(origin, deadline)) {
        if (deadline.aborted || this.kept.size >= KEPT_MAX) return this.kept.size;
        if (own.has(url) || this.kept.has(url)) continue;
        const file = await this.ask(origin, url, deadline);
        if (file !== null) this.kept.set(url, file);
      }
    return this.kept.size;
  }

  private async listOf(origin: string, signal: AbortSignal): Promise<readonly string[]> {
    try {
      const answer = await fetch(`${origin}/assets/`, {
        headers: { [ASKED_BY_SIBLING]: '1' },
        redirect: 'error',
        signal,
      });
      const said: unknown = answer.status === 200 ? await answer.json() : await answer.body?.cancel();
      const paths = Array.isArray(said) ? (said as unknown[]).filter((path) => typeof path === 'string') : [];
      return paths.filter((path) => ASSET.test(path)).slice(0, LISTED_MAX);
    } catch (error) {
      this.log.info({ err: error, origin }, 'another deployment did not say which files it has');
      return [];
    }
  }

  private siblings(): string[] {
    const deployments = this.readTable()?.services[this.who.service]?.deployments ?? {};
    return Object.entries(deployments)
      .filter(([id]) => id !== this.who.deployment)
      .flatMap(([, deployment]) => deployment.instances.find((instance) => instance.status === 'UP') ?? [])
      .slice(0, ASKED_MAX)
      .map(({ host, port }) => `http://${host.includes(':') ? `[${host}]` : host}:${port}`);
  }

  private async ask(origin: string, url: string, signal?: AbortSignal): Promise<WebFile | null> {
    try {
      const answer = await fetch(origin + url, {
        headers: { [ASKED_BY_SIBLING]: '1' },
        redirect: 'error',
        signal: signal ?? AbortSignal.timeout(TIMEOUT_MS),
      });
      const type = answer.headers.get('content-type');
      if (answer.status !== 200 || type === null || Number(answer.headers.get('content-length') ?? 0) > BYTES_MAX) {
        await answer.body?.cancel();
        return null;
      }
      const body = Buffer.from(await answer.arrayBuffer());
      const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
      return { type, immutable: true, bodies: { identity: body }, tag };
    } catch (error) {
      this.log.info({ err: error, origin, url }, 'another deployment did not answer for a file');
      return null;
    }
  }
}
