/** The CloudEvents source of everything that Feeds publishes. */
export const SOURCE = '/feeds';
