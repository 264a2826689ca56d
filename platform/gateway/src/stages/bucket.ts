/** Decides to which bucket of a split a request belongs, so that whoever has seen one deployment goes on seeing it. */
import type { Exchange } from '../exchange.ts';
import { BUCKET_COOKIE, cookieOf, PREVIEW_COOKIE } from '../message/cookies.ts';
import type { PreviewToken } from '../routing/preview-token.ts';
import { bucketOfName, BUCKETS, PREVIEW_BUCKET } from '../routing/split.ts';

export interface Splitting {
  readonly previewToken: PreviewToken;
  /** 0 to 1. */
  readonly random: () => number;
}

/**
 * The operator's token asks for the preview. A browser's cookie comes before its session: routes that pass no identity on (pages,
 * scripts) and those that do must agree, and signing in must not change the version under an open page.
 */
export function bucketOf(exchange: Exchange, { previewToken, random }: Splitting): number {
  const { cookie, grant } = exchange;
  if (previewToken.matches(exchange.previewToken) || previewToken.matches(cookieOf(cookie, PREVIEW_COOKIE)))
    return PREVIEW_BUCKET;
  const carried = cookieOf(cookie, BUCKET_COOKIE);
  if (/^[1-9]?[0-9]$/.test(carried)) return Number(carried);
  const bucket = grant === null ? Math.floor(random() * BUCKETS) : bucketOfName(grant.sessionId);
  if (isBrowser(exchange)) exchange.bucketCookie = `${BUCKET_COOKIE}=${bucket}; Path=/; HttpOnly; SameSite=Lax`;
  return bucket;
}

/** Programs keep no cookies; they are spread by chance. */
function isBrowser({ fetchSite, cookie, kept }: Exchange): boolean {
  if (fetchSite !== '' || cookie !== '') return true;
  for (let index = 0; index < kept.length; index += 2)
    if (kept[index]!.toLowerCase() === 'accept' && kept[index + 1]!.toLowerCase().includes('text/html')) return true;
  return false;
}
