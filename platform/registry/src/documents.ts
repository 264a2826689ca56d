/** What the registry says of itself: OpenAPI, made from the contract. */
import { healthOperations } from '@switchyard/contracts/health';
import type { Operations } from '@switchyard/contracts/operation';
import { registryOperations } from '@switchyard/contracts/registry';
import { openApiDocument } from '@switchyard/kit/openapi';
import { registryErrors } from './errors.ts';

/** What the application mounts besides the registry's own calls; health is answered in front of it. */
export const aboutOperations = {
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: "Figures in Prometheus' text format",
    access: 'public',
    answer: { status: 200, mediaType: 'text/plain' },
    errors: [],
  },
  openApi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document',
    access: 'public',
    answer: { status: 200, mediaType: 'application/json' },
    errors: [],
  },
} as const satisfies Operations;

export const openApi = openApiDocument({
  title: 'Switchyard Registry',
  version: '1.0.0',
  description: 'Which services there are, where their instances answer, and which deployment is live',
  operations: { ...registryOperations, ...healthOperations, ...aboutOperations },
  errors: [registryErrors],
});
