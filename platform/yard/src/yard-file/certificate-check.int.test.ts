/** What is told of the files of `gateway.tls`, and of the day on which a certificate lapses. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { examineCertificate } from '../doctor/certificate.ts';
import { lapsedCertificate } from './certificate-check.ts';
import { readYardFile } from './read-yard-file.ts';
import { faultLine } from './yard-fault.ts';

const DAY_MS = 86_400_000;

function start(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-check-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'switchyard.yaml');
  writeFileSync(
    file,
    'gateway: { tls: { certificate: a.pem, key: a.key } }\nservices: { a: { run: x, ports: [3010, 3020] } }\n',
  );
  const make = (name: string): void => {
    const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
    const named = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...named, ...files], { stdio: 'pipe' });
  };
  make('a');
  const faults = (): string[] => {
    const read = readYardFile(file);
    return 'faults' in read ? read.faults.map((fault) => faultLine(fault).slice(folder.length + 1)) : [];
  };
  return { folder, file, make, faults };
}

test('a certificate and its key have no fault; what does not fit is told with its line', (t) => {
  const { folder, make, faults } = start(t);
  assert.deepEqual(faults(), []);
  make('b');
  copyFileSync(join(folder, 'b.key'), join(folder, 'a.key'));
  assert.deepEqual(faults(), [
    'switchyard.yaml:1:44: gateway.tls.key: read "a.key"; the file is not the key of the certificate; must be a PEM file, relative to this one',
  ]);
  writeFileSync(join(folder, 'a.key'), 'no key');
  assert.match(faults()[0]!, /gateway\.tls\.key: .* is not a private key in PEM without a passphrase/);
  writeFileSync(join(folder, 'a.pem'), 'no certificate');
  assert.match(faults()[0]!, /gateway\.tls\.certificate: .* is not a certificate in PEM/);
  rmSync(join(folder, 'a.pem'));
  assert.match(faults()[0]!, /gateway\.tls\.certificate: .* cannot be read/);
});

test('a certificate that has lapsed is told, and keeps no yard from starting', (t) => {
  const { folder, file } = start(t);
  const read = readYardFile(file);
  assert.ok('yard' in read);
  const nowMs = Date.now();
  assert.deepEqual(lapsedCertificate(read.yard, file, nowMs), []);
  for (const [atMs, says] of [
    [nowMs + 31 * DAY_MS, /the certificate has lapsed on \d{4}-\d\d-\d\d$/],
    [nowMs - DAY_MS, /the certificate is not valid before \d{4}-\d\d-\d\d$/],
  ] as const)
    assert.match(lapsedCertificate(read.yard, file, atMs).map(faultLine).join(), says);
  const verdicts = [0, 20, 31].map((days) => examineCertificate(read.yard, folder, nowMs + days * DAY_MS)[0]?.verdict);
  assert.deepEqual(verdicts, ['well', 'note', 'wrong']);
});
