/** Who calls, and what they may write. */
import { refuse, requestErrors } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { registryErrors } from './errors.ts';

/** `isLocal`: by loopback. */
export type Caller =
  | { readonly kind: 'operator'; readonly isLocal: boolean }
  | { readonly kind: 'service'; readonly name: string; readonly isLocal: boolean }
  | { readonly kind: 'nobody'; readonly isLocal: boolean };

/** Null when `caller` may register, renew and remove instances of `service`. */
export function refusalToWrite(
  caller: Caller,
  service: string,
  isDeclared: boolean,
  doing: 'register' | 'change',
): Refusal | null {
  if (caller.kind === 'operator') return null;
  if (caller.kind === 'service' && caller.name === service) return null;
  if (!isDeclared && caller.isLocal) return null;
  if (caller.kind === 'service')
    return refuse(registryErrors.TOKEN_REFUSED, { detail: `The token is ${caller.name}'s, not ${service}'s` });
  if (isDeclared && doing === 'register')
    return refuse(registryErrors.NAME_DECLARED, {
      detail: `${service} is declared in the yard file: choose another name, or send its SERVICE_TOKEN`,
    });
  return refuse(requestErrors.NOT_A_SERVICE, { detail: `Send the SERVICE_TOKEN of ${service}` });
}

/** Null when `caller` may acknowledge epochs: anybody by loopback, elsewhere whoever has a token. */
export const refusalToAcknowledge = (caller: Caller): Refusal | null =>
  caller.isLocal || caller.kind !== 'nobody' ? null : refuse(requestErrors.NOT_A_SERVICE);

/** Null when `caller` may change what is live and what is declared. */
export const refusalToOperate = (caller: Caller): Refusal | null =>
  caller.kind === 'operator' ? null : refuse(requestErrors.NOT_THE_OPERATOR);
