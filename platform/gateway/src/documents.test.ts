/** The committed document and the README say what the code does. UPDATE_DOCUMENTS=1 writes the document anew. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { gatewayOperations } from '@switchyard/contracts/gateway';
import { sessionOperations } from '@switchyard/contracts/session';
import { undocumentedErrors } from '@switchyard/kit/errors-documented';
import { assertNoDrift } from '@switchyard/kit/openapi';
import { gatewayEnvironment } from './config.ts';
import { openApi } from './documents.ts';
import { errors } from './errors.ts';
import { OWN_ROUTES, ownInterface } from './http/own-interface.ts';
import type { OwnInterfaceParts } from './http/own-interface.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('docs/api/gateway.openapi.json is what the contracts say', () => {
  const file = new URL('../../../docs/api/gateway.openapi.json', import.meta.url);
  const made = `${JSON.stringify(openApi, null, 2)}\n`;
  if (process.env['UPDATE_DOCUMENTS'] === '1') writeFileSync(file, made);
  assert.equal(readFileSync(file, 'utf8'), made, 'UPDATE_DOCUMENTS=1 npm test writes it anew');
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

test('the README lists every error with its status, and no other', () => {
  assert.deepEqual(undocumentedErrors(readme, errors), []);
});

test('the README lists every variable of the environment', () => {
  for (const name of Object.keys(gatewayEnvironment.shape))
    assert.match(readme, new RegExp(`^\\| \`${name}\` +\\|`, 'm'));
});
