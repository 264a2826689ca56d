/** The certificate that the door presents: read when the gateway starts, and again whenever its files change. */
import { stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Clock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import { isFault, lapseOf, readCertificatePair } from '@switchyard/kit/tls/certificate-pair';
import type { CertificateFiles, CertificatePair } from '@switchyard/kit/tls/certificate-pair';

/**
 * Looking beats being told: fs.watch follows neither the links by which certbot and Kubernetes change files, nor a folder that is
 * mounted anew.
 */
const LOOK_EVERY_MS = 1_000;
/** From then on it is warned of its end. */
const WARN_WITHIN_MS = 14 * 86_400_000;

export interface CertificateWatchOptions {
  readonly files: CertificateFiles;
  readonly clock: Clock;
  /** What time it is for certificates, in milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly log: Logger;
  /** There is another one to present. */
  readonly onChange: (pair: CertificatePair) => void;
}

export class CertificateWatch {
  private readonly options: CertificateWatchOptions;
  /** What the files looked like when they were read, and at the last look. */
  private readAs: string;
  private seenAs: string;
  private cancel = (): void => {};
  private isStopped = false;

  private constructor(options: CertificateWatchOptions, looks: string) {
    this.options = options;
    this.readAs = this.seenAs = looks;
  }

  /** @throws Error that names the file, when there is nothing that could be presented */
  static async open(options: CertificateWatchOptions): Promise<{ watch: CertificateWatch; pair: CertificatePair }> {
    const watch = new CertificateWatch(options, await looksOf(options.files));
    const pair = watch.read();
    if (typeof pair === 'string') throw new Error(pair);
    return { watch, pair };
  }

  start(): void {
    if (this.isStopped) return;
    this.cancel = this.options.clock.after(LOOK_EVERY_MS, () => void this.look().then(() => this.start()));
  }

  stop(): void {
    this.isStopped = true;
    this.cancel();
  }

  /** What is being written is not read: only what two looks have found the same. */
  private async look(): Promise<void> {
    const looks = await looksOf(this.options.files);
    const isSettled = looks === this.seenAs;
    this.seenAs = looks;
    if (!isSettled || looks === this.readAs || this.isStopped) return;
    this.readAs = looks;
    const pair = this.read();
    const { log, onChange } = this.options;
    if (typeof pair === 'string') log.error(`${pair}; the certificate that was read before stays`);
    else {
      onChange(pair);
      log.info({ names: pair.names, validTo: new Date(pair.validToMs) }, 'a new certificate is presented');
    }
  }

  /** The pair, or in words why there is none. One that has lapsed is better than none: clients say more about it than about a closed port. */
  private read(): CertificatePair | string {
    const { files, wallMs, log } = this.options;
    const pair = readCertificatePair(files);
    if (isFault(pair)) return `${files[pair.of]} ${pair.fault}`;
    try {
      // Of an algorithm or a length that OpenSSL would not take.
      createSecureContext({ cert: pair.certificatePem, key: pair.keyPem });
    } catch (error) {
      return `${files.certificate} cannot be presented: ${(error as Error).message}`;
    }
    const nowMs = wallMs();
    const lapse = lapseOf(pair, nowMs);
    if (lapse !== null) log.error(`${files.certificate} ${lapse}`);
    else if (pair.validToMs - nowMs < WARN_WITHIN_MS)
      log.warn({ validTo: new Date(pair.validToMs) }, `${files.certificate} lapses soon`);
    return pair;
  }
}

/** Changes whenever one of the files is written or replaced. */
async function looksOf({ certificate, key }: CertificateFiles): Promise<string> {
  const looks = await Promise.all(
    [certificate, key].map(async (file) => {
      try {
        const { mtimeMs, size, ino } = await stat(file);
        return `${mtimeMs} ${size} ${ino}`;
      } catch {
        return 'none';
      }
    }),
  );
  return looks.join('\n');
}
