/** One JSON line for each request, written in batches: the log of a busy gateway must not cost more than its work. */
import type { Exchange } from '../exchange.ts';
import { Sampling } from './sampling.ts';

const FLUSH_EVERY_MS = 200;
const FLUSH_AT_CHARACTERS = 65_536;

export interface AccessLogOptions {
  /** Fields of every line, such as service and instance. */
  readonly bindings: Readonly<Record<string, string>>;
  readonly write: (lines: string) => void;
  readonly isEnabled: boolean;
  /** Share of requests that get a line, 0 to 1; those that failed always do. Default 1. */
  readonly sample?: number;
}

export class AccessLog {
  private readonly options: AccessLogOptions;
  private readonly ending: string;
  private readonly sampling: Sampling;
  /** How many requests a line that was chosen stands for; '' for one. */
  private readonly weight: string;
  private lines = '';
  private timer: NodeJS.Timeout | null = null;
  private writtenMs = 0;
  private written = '';

  constructor(options: AccessLogOptions) {
    this.options = options;
    this.sampling = new Sampling(options.sample ?? 1);
    const { share } = this.sampling;
    this.weight = share >= 1 || share <= 0 ? '' : `,"sample":${Math.round(10_000 / share) / 10_000}`;
    const bindings = JSON.stringify(options.bindings).slice(1, -1);
    this.ending = `${bindings === '' ? '' : `,${bindings}`},"message":"request"}\n`;
  }

  /** The path without its query, which may carry what is nobody's business. */
  write(exchange: Exchange, durationMs: number): void {
    if (!this.options.isEnabled) return;
    const hasFailed = exchange.status >= 500 || exchange.errorCode !== '' || exchange.retries > 0;
    if (!hasFailed && !this.sampling.keeps(exchange.traceId)) return;
    const { claim } = exchange;
    const level = exchange.status >= 500 ? 'warn' : 'info';
    let line = `{"level":"${level}","time":"${this.timestamp()}","method":"${exchange.method}"`;
    line += `,"path":${quoted(exchange.path)},"status":${exchange.status},"durationMs":${Math.round(durationMs * 100) / 100}`;
    line += `,"bytesIn":${exchange.bytesIn},"bytesOut":${exchange.bytesOut},"client":"${exchange.connection.address}"`;
    line += `,"requestId":${quoted(exchange.requestId)},"traceId":"${exchange.traceId}"`;
    if (claim !== null)
      line += `,"to":"${claim.service.name}","toDeployment":"${claim.deployment.id}","toInstance":"${claim.instance.id}"`;
    if (exchange.grant !== null) line += `,"user":${quoted(exchange.grant.who.id)}`;
    if (exchange.retries > 0) line += `,"retries":${exchange.retries}`;
    if (exchange.errorCode !== '') line += `,"code":"${exchange.errorCode}"`;
    if (!hasFailed) line += this.weight;
    this.lines += line + this.ending;
    if (this.lines.length >= FLUSH_AT_CHARACTERS) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), FLUSH_EVERY_MS).unref();
  }

  /** Written anew once a millisecond, not once a request. */
  private timestamp(): string {
    const nowMs = Date.now();
    if (nowMs !== this.writtenMs) {
      this.writtenMs = nowMs;
      this.written = new Date(nowMs).toISOString();
    }
    return this.written;
  }

  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.lines === '') return;
    const { lines } = this;
    this.lines = '';
    this.options.write(lines);
  }
}

/** Most values need no escape. */
const quoted = (value: string): string =>
  /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(value) ? `"${value}"` : JSON.stringify(value);
