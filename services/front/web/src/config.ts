/** What the server says about itself, read once before anything is shown. */

export interface PageConfig {
  /** Origin of the gateway; '' where it is the page's own. */
  readonly gatewayUrl: string;
  /** Which deployment of Front serves the page, `front-3`. */
  readonly deployment: string;
}

const SECOND_TRY_MS = 500;

/** @throws Error when the server does not answer within 10 s, or says no, and that twice */
export async function readPageConfig(): Promise<PageConfig> {
  try {
    return await readOnce();
  } catch {
    await new Promise((resolve) => setTimeout(resolve, SECOND_TRY_MS));
    return readOnce();
  }
}

async function readOnce(): Promise<PageConfig> {
  const answer = await fetch('/config.json', { signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) throw new Error(`config.json answered ${answer.status}`);
  return (await answer.json()) as PageConfig;
}
