/** The documents that are committed and the README say what the code does. */
import { documentsContract } from '@switchyard/kit/documents.contract';
import { asyncApi, openApi } from './documents.ts';
import { feedsErrors } from './domain/errors.ts';

documentsContract({
  service: new URL('../', import.meta.url),
  documents: { 'feeds.openapi.json': openApi, 'feeds.asyncapi.json': asyncApi },
  errors: feedsErrors,
});
