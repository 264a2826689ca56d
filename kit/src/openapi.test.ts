/** Proves that documents are whole, that drift is noticed, and that READMEs are held to their codes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventLogOperations } from '@switchyard/contracts/event';
import { feedsEvents } from '@switchyard/contracts/feeds-events';
import { feedsOperations } from '@switchyard/contracts/feeds';
import type { Operations } from '@switchyard/contracts/operation';
import { registryOperations } from '@switchyard/contracts/registry';
import { sessionOperations } from '@switchyard/contracts/session';
import { RESOLVE_HANDLES, resolvedHandles, resolveHandles, usersOperations } from '@switchyard/contracts/users';
import { usersEvents } from '@switchyard/contracts/users-events';
import express from 'express';
import { z } from 'zod';
import { asyncApiDocument } from './asyncapi.ts';
import { undocumentedErrors } from './errors-documented.ts';
import { defineErrors } from './errors.ts';
import type { ErrorRegistry } from './errors.ts';
import { assertNoDrift, openApiDocument } from './openapi.ts';

const interfaces = { usersOperations, feedsOperations, registryOperations, sessionOperations, eventLogOperations };

/** A registry with every code that the operations name. */
const namedErrors = (operations: Operations): ErrorRegistry[] =>
  Object.values(operations)
    .flatMap(({ errors }) => errors)
    .map((code) => {
      const [prefix, ...key] = code.split('_');
      return defineErrors(prefix!, { [key.join('_')]: { kind: 'conflict', title: code, retryable: false } });
    });

const documentOf = (operations: Operations) =>
  openApiDocument({ title: 'Test', version: '1.2.3', operations, errors: namedErrors(operations) });

/** Every `$ref` anywhere in a document. */
function refsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(refsIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : refsIn(inner),
  );
}

const resolve = (document: unknown, ref: string): unknown =>
  ref
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);

describe('OpenAPI documents', () => {
  for (const [name, operations] of Object.entries(interfaces))
    it(`of ${name} have every operation, and every reference leads somewhere`, () => {
      const document = documentOf(operations);
      for (const { method, path, answer } of Object.values(operations)) {
        const operation = document.paths[path]?.[method.toLowerCase()] as { responses: object } | undefined;
        assert.ok(operation !== undefined, `${method} ${path}`);
        assert.ok(String(answer.status) in operation.responses);
      }
      const refs = refsIn(document);
      assert.ok(refs.length > 0);
      for (const ref of refs) assert.ok(resolve(document, ref) !== undefined, ref);
      assert.ok(!JSON.stringify(document).includes('$defs'));
      assert.deepEqual(JSON.parse(JSON.stringify(document)), document, 'it is JSON');
    });

  it('say how callers show who they are, what they send and which codes they may get', () => {
    const { paths, components } = documentOf(usersOperations);
    const block = paths['/api/users/{handle}/block']!['put'] as {
      security: object[];
      parameters: { name: string; in: string; required: boolean; schema: { pattern?: string } }[];
      responses: Record<string, { description: string }>;
    };
    assert.deepEqual(block.security, [{ identity: [] }]);
    assert.deepEqual(
      block.parameters.map((parameter) => [parameter.name, parameter.in, parameter.required]),
      [['handle', 'path', true]],
    );
    assert.match(block.parameters[0]!.schema.pattern ?? '', /3,30/);
    assert.match(block.responses['401']!.description, /REQUEST_NOT_SIGNED_IN/);
    assert.match(block.responses['409']!.description, /USERS_USER_UNKNOWN/);
    assert.ok('User' in components.schemas && 'Problem' in components.schemas);
  });

  it('take a default for optional in a query, and say what it is', () => {
    const { parameters } = documentOf(feedsOperations).paths['/api/feed']!['get'] as {
      parameters: { name: string; required: boolean; schema: { default?: number } }[];
    };
    const limit = parameters.find(({ name }) => name === 'limit');
    assert.deepEqual([limit?.required, limit?.schema.default], [false, 20]);
  });

  it('are refused for a code that nobody defines, and for two operations in one place', () => {
    assert.throws(
      () => openApiDocument({ title: '', version: '', operations: usersOperations, errors: [] }),
      /USERS_\w+, which nobody/,
    );
    const live = {
      method: 'GET',
      path: '/a',
      summary: '',
      access: 'public',
      answer: { status: 200 },
      errors: [],
    } as const;
    assert.throws(() => documentOf({ live, again: live }), /GET \/a is there twice/);
  });

  it('are refused for two different schemas of one id', () => {
    const operation = (schema: z.ZodType, path: string) =>
      ({ method: 'GET', path, summary: '', access: 'public', answer: { status: 200, schema }, errors: [] }) as const;
    const [one, other] = [z.object({ a: z.string() }), z.object({ b: z.string() })];
    assert.throws(
      () =>
        documentOf({
          one: operation(one.meta({ id: 'Same1' }), '/1'),
          other: operation(z.object({ in: other.meta({ id: 'Same1' }) }), '/2'),
        }),
      /two different schemas have the id Same1/,
    );
  });
});

describe('drift', () => {
  const operations = {
    read: { method: 'GET', path: '/things/{id}', summary: '', access: 'public', answer: { status: 200 }, errors: [] },
    write: { method: 'PUT', path: '/things/{id}', summary: '', access: 'public', answer: { status: 200 }, errors: [] },
  } as const satisfies Operations;

  it('is nothing where the same is mounted as documented, routers included', () => {
    const application = express();
    application.get('/things/:id', () => {});
    const router = express.Router();
    router.put('/things/:id', () => {});
    application.use(router);
    assertNoDrift(application, { read: operations.read }, { write: operations.write });
  });

  it('is a route that is not documented, and an operation that is not mounted', () => {
    const application = express();
    application.get('/things/:id', () => {});
    application.delete('/things/:id', () => {});
    assert.throws(
      () => assertNoDrift(application, operations),
      (error: Error) => {
        assert.deepEqual(error.message.split('\n'), [
          'DELETE /things/{id} is mounted and not documented',
          'PUT /things/{id} is documented and not mounted',
        ]);
        return true;
      },
    );
  });
});

describe('AsyncAPI documents', () => {
  it('have every event and message, and every reference leads somewhere', () => {
    const document = asyncApiDocument({
      title: 'Users',
      version: '1.0.0',
      events: { ...usersEvents, ...feedsEvents },
      messages: {
        resolveHandles: {
          pattern: RESOLVE_HANDLES,
          summary: 'Who they are',
          request: resolveHandles,
          answer: resolvedHandles,
        },
      },
    });
    const names = Object.values(document.components.messages).map((message) => (message as { name: string }).name);
    for (const { type } of Object.values({ ...usersEvents, ...feedsEvents })) assert.ok(names.includes(type), type);
    assert.ok(names.includes(RESOLVE_HANDLES));
    const refs = refsIn(document);
    assert.ok(refs.length > 10);
    for (const ref of refs) assert.ok(resolve(document, ref) !== undefined, ref);
  });
});

describe('documented errors', () => {
  const errors = defineErrors('TEA', {
    COLD: { kind: 'conflict', title: 'The tea is cold', retryable: true },
    GONE: { kind: 'not-found', title: 'There is no tea', retryable: false },
  });

  it('are in agreement when each code has a row with its status', () => {
    const readme =
      '| code | status |\n| --- | --- |\n| `TEA_COLD` | 409 | |\n| `TEA_GONE` | 404 | x |\n| `OTHER_CODE` | 400 |\n| `TEA_POT` | brown | a variable |';
    assert.deepEqual(undocumentedErrors(readme, errors), []);
  });

  it('are not when a code is missing, has another status, or is not defined', () => {
    assert.deepEqual(undocumentedErrors('| `TEA_COLD` | 404 |\n| `TEA_HOT` | 409 |', errors), [
      'TEA_COLD: the README does not say that it is answered with 409',
      'TEA_GONE is not in the README',
      'TEA_HOT is in the README and not defined',
    ]);
  });
});
