/** Error codes of the registry; each is in README.md with what to do about it. */
import { defineErrors } from '@switchyard/kit/errors';

export const registryErrors = defineErrors('REGISTRY', {
  RECOVERING: {
    kind: 'unavailable',
    title: 'The registry has restarted and waits for the instances it knew',
    retryable: true,
  },
  FULL: { kind: 'unavailable', title: 'The registry holds as much as it may', retryable: true },
  NOT_SAVED: { kind: 'unavailable', title: 'The change could not be saved and was not made', retryable: true },
  NAME_DECLARED: { kind: 'conflict', title: 'A yard file declares this service', retryable: false },
  ROUTE_TAKEN: { kind: 'conflict', title: 'The route belongs to another service', retryable: false },
  INSTANCE_OF_ANOTHER_SERVICE: {
    kind: 'conflict',
    title: 'An instance of another service has this id',
    retryable: false,
  },
  INSTANCE_UNKNOWN: { kind: 'not-found', title: 'No such instance: register it again', retryable: false },
  ADDRESS_NOT_ALLOWED: { kind: 'invalid', title: 'An instance may not be at this address', retryable: false },
  WATCHER_UNKNOWN: { kind: 'not-found', title: 'No such watcher: open the watch again', retryable: false },
  EPOCH_MOVED: { kind: 'conflict', title: 'What is live has changed since', retryable: false },
  DEPLOYMENT_EMPTY: { kind: 'conflict', title: 'The deployment has no instance that is UP', retryable: true },
  SERVICE_UNKNOWN: { kind: 'not-found', title: 'No such service', retryable: false },
  SPLIT_INVALID: { kind: 'invalid', title: 'The split does not add up', retryable: false },
  LOCK_HELD: { kind: 'conflict', title: 'Somebody else holds the lock of the service', retryable: true },
  LOCK_UNKNOWN: { kind: 'conflict', title: 'The fencing token is of no lock that is held', retryable: false },
  TOKEN_REFUSED: { kind: 'unauthenticated', title: 'The token is not valid for this', retryable: false },
  HOST_REFUSED: { kind: 'forbidden', title: 'The Host header does not name this machine', retryable: false },
  WEB_PAGE_REFUSED: { kind: 'forbidden', title: 'Web pages may not call the registry', retryable: false },
});
