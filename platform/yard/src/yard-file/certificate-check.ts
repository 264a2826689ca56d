/** Faults of the certificate that `gateway.tls` names: its two files are read, and must belong together. */
import { dirname, resolve } from 'node:path';
import type { YardFile } from '@switchyard/contracts/yard-file';
import { isFault, lapseOf, readCertificatePair } from '@switchyard/kit/tls/certificate-pair';
import type { CertificateFault, CertificateFiles, CertificatePair } from '@switchyard/kit/tls/certificate-pair';
import { shown } from './yard-fault.ts';
import type { YardFault } from './yard-fault.ts';
import { faultAt, readYardSource } from './yard-source.ts';
import type { YardSource } from './yard-source.ts';

/** Where the two files are, as whole paths; null: there is no HTTPS. `root`: the folder of switchyard.yaml. */
export function certificateFiles(yard: YardFile, root: string): CertificateFiles | null {
  const { tls } = yard.gateway.settings;
  return tls === undefined ? null : { certificate: resolve(root, tls.certificate), key: resolve(root, tls.key) };
}

/** What is in the two files; null: there is no HTTPS. */
export function certificateOf(yard: YardFile, root: string): CertificatePair | CertificateFault | null {
  const files = certificateFiles(yard, root);
  return files && readCertificatePair(files);
}

/** One that has lapsed is no fault here: it must not keep a yard from starting. */
export function unfitCertificate(yard: YardFile, source: YardSource): YardFault[] {
  const read = certificateOf(yard, dirname(source.file));
  if (read === null || !isFault(read)) return [];
  const written = yard.gateway.settings.tls![read.of];
  return [
    faultAt(source, ['gateway', 'tls', read.of], {
      read: shown(written),
      message: `the file ${read.fault}; must be a PEM file, relative to this one`,
    }),
  ];
}

/** Why clients would refuse the certificate at that time. */
export function lapsedCertificate(yard: YardFile, file: string, nowMs: number): YardFault[] {
  const read = certificateOf(yard, dirname(file));
  const lapse = read === null || isFault(read) ? null : lapseOf(read, nowMs);
  const source = lapse === null ? null : readYardSource(file);
  if (source === null || 'faults' in source) return [];
  const written = shown(yard.gateway.settings.tls!.certificate);
  return [
    faultAt(source.source, ['gateway', 'tls', 'certificate'], { read: written, message: `the certificate ${lapse}` }),
  ];
}
