/** Makes the OpenAPI 3.1 document of an HTTP interface from its operations, and proves that what is mounted is what is documented. */
import type { Access, Operation, Operations } from '@switchyard/contracts/operation';
import { IDENTITY_HEADER } from '@switchyard/contracts/identity';
import { PROBLEM_MEDIA_TYPE, problem } from '@switchyard/contracts/problem';
import type { Express } from 'express';
import { requestErrors, STATUS_OF } from './errors.ts';
import type { ErrorCode, ErrorRegistry } from './errors.ts';
import { mountedRoutes } from './http/mounted-routes.ts';
import { JsonSchemas } from './json-schemas.ts';
import type { JsonSchema } from './json-schemas.ts';

export interface OpenApiOptions {
  readonly title: string;
  readonly version: string;
  readonly description?: string;
  readonly operations: Operations;
  /** Every registry whose codes the operations name; REQUEST's own are added. */
  readonly errors: readonly ErrorRegistry[];
}

export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: object;
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly components: { readonly schemas: object; readonly securitySchemes: object };
}

/** How callers of each kind show who they are; empty: they need not. */
const SECURITY: Readonly<Record<Access, readonly object[]>> = {
  public: [],
  optional: [{}, { identity: [] }],
  identity: [{ identity: [] }],
  service: [{ serviceToken: [] }],
  operator: [{ operatorToken: [] }],
};

const SCHEMES = {
  identity: {
    type: 'apiKey',
    in: 'header',
    name: IDENTITY_HEADER,
    description: 'Signed by the gateway for this service; from outside, sign in at the gateway instead',
  },
  serviceToken: { type: 'http', scheme: 'bearer', description: 'SERVICE_TOKEN, made by the yard' },
  operatorToken: { type: 'http', scheme: 'bearer', description: "The operator's token" },
};

/**
 * Schemas with `.meta({ id })` become components.
 *
 * @throws Error when an operation names a code that no registry has, or two operations share method and path
 */
export function openApiDocument(options: OpenApiOptions): OpenApiDocument {
  const codes = new Map(
    [requestErrors as ErrorRegistry, ...options.errors].flatMap((registry) =>
      Object.values(registry).map((error) => [error.code, error] as const),
    ),
  );
  const schemas = new JsonSchemas('#/components/schemas/');
  const problemSchema = schemas.of(problem, 'output');
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, operation] of Object.entries(options.operations)) {
    const path = (paths[operation.path] ??= {});
    const method = operation.method.toLowerCase();
    if (path[method] !== undefined) throw new Error(`${operation.method} ${operation.path} is there twice`);
    path[method] = operationObject(name, operation, schemas, errorsOf(operation, codes), problemSchema);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: options.title,
      version: options.version,
      ...(options.description === undefined ? {} : { description: options.description }),
    },
    paths,
    components: { schemas: schemas.named(), securitySchemes: SCHEMES },
  };
}

/** @throws Error listing routes that are mounted and not documented, or documented and not mounted */
export function assertNoDrift(application: Express, ...documented: readonly Operations[]): void {
  const mounted = new Set(mountedRoutes(application));
  const known = new Set(
    documented.flatMap((operations) => Object.values(operations).map(({ method, path }) => `${method} ${path}`)),
  );
  const faults = [
    ...[...mounted].filter((route) => !known.has(route)).map((route) => `${route} is mounted and not documented`),
    ...[...known].filter((route) => !mounted.has(route)).map((route) => `${route} is documented and not mounted`),
  ];
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

function operationObject(
  name: string,
  operation: Operation,
  schemas: JsonSchemas,
  errors: readonly ErrorCode[],
  problemSchema: JsonSchema,
): object {
  const { answer, body } = operation;
  return {
    operationId: name,
    summary: operation.summary,
    security: SECURITY[operation.access],
    parameters: [
      ...parametersOf('path', operation.params, schemas),
      ...parametersOf('query', operation.query, schemas),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemas.of(body, 'input') } } } }),
    responses: {
      [answer.status]: {
        description: operation.summary,
        ...(answer.schema === undefined && answer.mediaType === undefined
          ? {}
          : {
              content: {
                [answer.mediaType ?? 'application/json']:
                  answer.schema === undefined ? {} : { schema: schemas.of(answer.schema, 'output') },
              },
            }),
      },
      ...problemResponses(errors, problemSchema),
    },
  };
}

function parametersOf(place: 'path' | 'query', schema: Operation['params'], schemas: JsonSchemas): object[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemas.of(schema, 'input') as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

/** Its own codes, and those of REQUEST that such an operation can answer. */
function errorsOf(operation: Operation, codes: ReadonlyMap<string, ErrorCode>): ErrorCode[] {
  const own = operation.errors.map((code) => {
    const error = codes.get(code);
    if (error === undefined)
      throw new Error(`${operation.method} ${operation.path} names ${code}, which nobody defines`);
    return error;
  });
  const { INVALID, NOT_JSON, NOT_UTF8, MEDIA_TYPE, BODY_TOO_LARGE, CURSOR_INVALID } = requestErrors;
  const takesInput = operation.params !== undefined || operation.query !== undefined || operation.body !== undefined;
  return [
    ...own,
    ...(takesInput ? [INVALID] : []),
    ...(operation.query !== undefined && 'cursor' in operation.query.shape ? [CURSOR_INVALID] : []),
    ...(operation.body === undefined ? [] : [NOT_JSON, NOT_UTF8, MEDIA_TYPE, BODY_TOO_LARGE]),
    ...(operation.access === 'identity' || operation.access === 'optional' ? [requestErrors.NOT_SIGNED_IN] : []),
    ...(operation.access === 'service' ? [requestErrors.NOT_A_SERVICE] : []),
    ...(operation.access === 'operator' ? [requestErrors.NOT_THE_OPERATOR] : []),
    requestErrors.INTERNAL,
    requestErrors.UNAVAILABLE,
  ];
}

/** One response a status; its description lists the codes. */
function problemResponses(errors: readonly ErrorCode[], problemSchema: JsonSchema): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const error of new Set(errors)) {
    const status = STATUS_OF[error.kind];
    byStatus.set(status, [...(byStatus.get(status) ?? []), error]);
  }
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, ofStatus]) => [
        String(status),
        {
          description: ofStatus.map(({ code, title }) => `\`${code}\`: ${title}`).join('\n\n'),
          content: {
            [PROBLEM_MEDIA_TYPE]: {
              schema: {
                allOf: [problemSchema, { properties: { code: { enum: ofStatus.map(({ code }) => code) } } }],
              },
            },
          },
        },
      ]),
  );
}
