/** What the gateway says of itself on its own port. Signing in and out is in session.ts. */
import { z } from 'zod';
import type { Operations } from './operation.ts';

export const gatewayState = z.object({ status: z.enum(['ok', 'starting']) });

/** Public halves of signing keys (RFC 7517), Ed25519. */
export const publicKeys = z.object({
  keys: z.array(
    z.looseObject({
      kty: z.literal('OKP'),
      crv: z.literal('Ed25519'),
      kid: z.string(),
      x: z.string(),
      alg: z.string(),
    }),
  ),
});

export const gatewayOperations = {
  live: {
    method: 'GET',
    path: '/-/live',
    summary: 'The gateway answers',
    access: 'public',
    answer: { status: 200, schema: gatewayState },
    errors: [],
  },
  ready: {
    method: 'GET',
    path: '/-/ready',
    summary:
      'Every declared service has had a live instance: 200, from then on as long as the gateway serves; before that 503',
    access: 'public',
    answer: { status: 200, schema: gatewayState },
    errors: [],
  },
  publicKeys: {
    method: 'GET',
    path: '/.well-known/jwks.json',
    summary: 'Keys that identity tokens, access tokens and SERVICE_TOKENs are verified with',
    access: 'public',
    answer: { status: 200, schema: publicKeys },
    errors: [],
  },
  openApi: {
    method: 'GET',
    path: '/-/openapi.json',
    summary: 'This document',
    access: 'public',
    answer: { status: 200, mediaType: 'application/json' },
    errors: [],
  },
} as const satisfies Operations;
