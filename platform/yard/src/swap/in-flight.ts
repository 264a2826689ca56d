/** What those who route say of the requests that they have under way; pure. */
import type { Watchers } from '@switchyard/contracts/registry';

/** One without a lease is gone, or stopped: it will begin by the newest table. */
export const isLeased = ({ leaseExpiresInMs }: Watchers['watchers'][number]): boolean => leaseExpiresInMs > 0;

/**
 * Requests under way on these deployments, as those who route have said. Who is leased and has said nothing yet (the registry has
 * restarted, and knows him by his watch alone) may have one: he counts as one.
 */
export const inFlightOn = (deployments: readonly string[], watchers: Watchers['watchers']): number =>
  watchers
    .filter(isLeased)
    .flatMap(({ epoch, inFlight }) =>
      epoch === null ? [1] : deployments.map((deployment) => inFlight[deployment] ?? 0),
    )
    .reduce((sum, count) => sum + count, 0);
