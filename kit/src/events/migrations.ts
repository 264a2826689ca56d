/** Where the migrations of the outbox and the inbox are; give it to migrate() before the service's own. */
export const eventMigrations = new URL('../../migrations/events/', import.meta.url);
