/** A certificate and its private key, as they stand in two files: read, and judged whether a server could present them. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface CertificateFiles {
  /** PEM: the certificate of the server first, then its chain. */
  readonly certificate: string;
  /** PEM, not encrypted. */
  readonly key: string;
}

export interface CertificatePair {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** Names and addresses that it is for, as the certificate writes them; '' when it names none. */
  readonly names: string;
  readonly validFromMs: number;
  readonly validToMs: number;
}

export interface CertificateFault {
  readonly of: keyof CertificateFiles;
  /** What is wrong, as the end of a sentence about the file. */
  readonly fault: string;
}

/** Never throws for what is, or is not, in the files. Whether the pair has lapsed is not its business: `lapseOf`. */
export function readCertificatePair(files: CertificateFiles): CertificatePair | CertificateFault {
  const certificatePem = textOf(files.certificate);
  if (certificatePem === null) return { of: 'certificate', fault: 'cannot be read' };
  const keyPem = textOf(files.key);
  if (keyPem === null) return { of: 'key', fault: 'cannot be read' };
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(certificatePem);
  } catch {
    return { of: 'certificate', fault: 'is not a certificate in PEM' };
  }
  try {
    if (!certificate.checkPrivateKey(createPrivateKey(keyPem)))
      return { of: 'key', fault: 'is not the key of the certificate' };
  } catch {
    return { of: 'key', fault: 'is not a private key in PEM without a passphrase' };
  }
  return {
    certificatePem,
    keyPem,
    names: certificate.subjectAltName ?? '',
    validFromMs: certificate.validFromDate.getTime(),
    validToMs: certificate.validToDate.getTime(),
  };
}

export const isFault = (read: CertificatePair | CertificateFault): read is CertificateFault => 'fault' in read;

/** Why clients refuse it at that time, as the end of a sentence; null: they need not. */
export function lapseOf({ validFromMs, validToMs }: CertificatePair, nowMs: number): string | null {
  if (nowMs > validToMs) return `has lapsed on ${dayOf(validToMs)}`;
  if (nowMs < validFromMs) return `is not valid before ${dayOf(validFromMs)}`;
  return null;
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
