/** Looks at the certificate that the gateway presents: whether clients take it, and for how long. */
import type { YardFile } from '@switchyard/contracts/yard-file';
import { isFault, lapseOf } from '@switchyard/kit/tls/certificate-pair';
import { certificateOf } from '../yard-file/certificate-check.ts';
import { note, well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

const DAY_MS = 86_400_000;
const SOON_DAYS = 14;
const ABOUT = 'certificate';

/** Nothing where there is no HTTPS. */
export function examineCertificate(yard: YardFile, root: string, nowMs: number): Finding[] {
  const read = certificateOf(yard, root);
  if (read === null) return [];
  if (isFault(read)) return [wrong(ABOUT, `gateway.tls.${read.of}: the file ${read.fault}`, 'yard check says where')];
  const advice = 'put a new certificate and its key into the two files: the gateway takes them within two seconds';
  const lapse = lapseOf(read, nowMs);
  if (lapse !== null) return [wrong(ABOUT, `it ${lapse}`, advice)];
  const days = Math.floor((read.validToMs - nowMs) / DAY_MS);
  const message = `${read.names === '' ? 'names nobody' : `for ${read.names}`}, for ${days} more days`;
  return [days < SOON_DAYS ? note(ABOUT, message, advice) : well(ABOUT, message)];
}
