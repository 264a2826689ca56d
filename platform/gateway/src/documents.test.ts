/** The committed document and the README say what the code does. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gatewayOperations } from '@switchyard/contracts/gateway';
import { sessionOperations } from '@switchyard/contracts/session';
import { documentsContract } from '@switchyard/kit/documents.contract';
import { assertNoDrift } from '@switchyard/kit/openapi';
import { gatewayEnvironment } from './config.ts';
import { openApi } from './documents.ts';
import { errors } from './errors.ts';
import { OWN_ROUTES, ownInterface } from './http/own-interface.ts';
import type { OwnInterfaceParts } from './http/own-interface.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

documentsContract({
  service: new URL('../', import.meta.url),
  documents: { 'gateway.openapi.json': openApi },
  errors,
  // The proxy's own errors belong to the services' operations.
  areErrorsOfOperations: false,
});

test('what is mounted is what is documented, and all of it is routed to the gateway itself', () => {
  // Mounting calls nothing of what the handlers will need.
  assertNoDrift(ownInterface({} as OwnInterfaceParts), gatewayOperations, sessionOperations);
  for (const { path } of Object.values({ ...gatewayOperations, ...sessionOperations }))
    assert.ok(
      OWN_ROUTES.some((route) => path === route.path || path.startsWith(`${route.path}/`)),
      path,
    );
});

test('the README lists every variable of the environment', () => {
  for (const name of Object.keys(gatewayEnvironment.shape))
    assert.match(readme, new RegExp(`^\\| \`${name}\` +\\|`, 'm'));
});
