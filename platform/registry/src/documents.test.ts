/** The documents that are committed and the README say what the code does. */
import { documentsContract } from '@switchyard/kit/documents.contract';
import { openApi } from './documents.ts';
import { registryErrors } from './errors.ts';

documentsContract({
  service: new URL('../', import.meta.url),
  documents: { 'registry.openapi.json': openApi },
  errors: registryErrors,
});
