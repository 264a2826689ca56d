/** Certificates made for a test, by an authority of its own that it throws away. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';

export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
}

export class TestAuthority {
  readonly folder: string;
  readonly file: string;
  private readonly key: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'switchyard-tls-'));
    this.file = join(this.folder, 'ca.pem');
    this.key = join(this.folder, 'ca.key');
    openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', '/CN=test', '-keyout', this.key, '-out', this.file);
  }

  get pem(): string {
    return readFileSync(this.file, 'utf8');
  }

  /** Two files of that name, for localhost and 127.0.0.1. `lasts`: as the arguments of openssl x509 say it. */
  issue(name: string, lasts: readonly string[] = ['-days', '2']): TestCertificate {
    const [request, certificate, key, extensions] = ['csr', 'pem', 'key', 'ext'].map((ending) =>
      join(this.folder, `${name}.${ending}`),
    ) as [string, string, string, string];
    writeFileSync(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n');
    openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
    const signed = ['-CA', this.file, '-CAkey', this.key, '-CAcreateserial', '-extfile', extensions];
    openssl('x509', '-req', '-in', request, ...signed, ...lasts, '-out', certificate);
    return { certificate, key };
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

const openssl = (...words: readonly string[]): void => {
  execFileSync('openssl', words, { stdio: 'pipe' });
};
