/** Puts the service together: the build in memory, the Express application, and the kit around them. */
import { fileURLToPath } from 'node:url';
import { runService } from '@switchyard/kit/run-service';
import { readFrontConfig } from './config.ts';
import { frontApp } from './http/front-app.ts';
import { SiblingFiles } from './http/sibling-files.ts';
import { readWebFiles } from './http/web-files.ts';

const config = readFrontConfig(process.env);

/** As long as a start is delayed by a registry that is away. */
const TABLE_TIMEOUT_MS = 2_000;

await runService(config, async ({ log, who, table }) => {
  const files = await readWebFiles(fileURLToPath(new URL('web/', import.meta.url)));
  const siblings = new SiblingFiles({ readTable: () => table.table, who, log });
  await table.first(AbortSignal.timeout(TABLE_TIMEOUT_MS)).catch(() => {}); // without a table there is nobody to ask
  const fromOthers = await siblings.fetchAhead(files);
  log.info({ files: files.size, fromOthers }, 'screens read');
  return {
    listener: frontApp({
      files,
      deployment: who.deployment,
      gatewayPublicUrl: config.GATEWAY_PUBLIC_URL,
      log,
      elsewhere: siblings,
    }),
  };
});
