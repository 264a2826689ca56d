/** The form in which an HTTP interface is declared: OpenAPI documents and drift checks are made from lists of these. */
import type { z } from 'zod';

/** Who may call: anybody; anybody, better with an identity; only with an identity; another service; the operator. */
export type Access = 'public' | 'optional' | 'identity' | 'service' | 'operator';

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** OpenAPI path template, `/api/users/{handle}`. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answer: {
    readonly status: number;
    readonly schema?: z.ZodType;
    readonly mediaType?: string;
  };
  /** Codes of the errors that belong to this operation, besides those that any request can get. */
  readonly errors: readonly string[];
}

export type Operations = Readonly<Record<string, Operation>>;
