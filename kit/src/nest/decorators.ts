/** Parameter decorators that check by schema, and the guards of callers: people by identity token, services by SERVICE_TOKEN. */
import { applyDecorators, createParamDecorator, UseGuards } from '@nestjs/common';
import type { CanActivate, ExecutionContext, Type } from '@nestjs/common';
import type { Request } from 'express';
import type { z } from 'zod';
import { RefusedRequest, refuse, requestErrors } from '../errors.ts';
import { parse } from '../http/parse.ts';
import type { VerifiedIdentity } from '../identity/tokens.ts';
import { callerOf, callingServiceOf } from './callers.ts';

const requestOf = (context: ExecutionContext): Request => context.switchToHttp().getRequest<Request>();

/** Nest takes whatever has a `transform` for a pipe, and a schema has one; so it travels in a box, not named `schema` either. */
interface Box {
  readonly checkedBy: z.ZodType;
}

const body = createParamDecorator(({ checkedBy }: Box, context) => parse(checkedBy, requestOf(context).body, 'body'));
const query = createParamDecorator(({ checkedBy }: Box, context) =>
  parse(checkedBy, requestOf(context).query, 'query'),
);
const params = createParamDecorator(({ checkedBy }: Box, context) =>
  parse(checkedBy, requestOf(context).params, 'path'),
);
const message = createParamDecorator(({ checkedBy }: Box, context) =>
  parse(checkedBy, context.switchToRpc().getData<unknown>(), 'message'),
);

/** The body, parsed. 400 REQUEST_INVALID with every fault. */
export const ValidBody = (schema: z.ZodType): ParameterDecorator => body({ checkedBy: schema });

/** The query string, parsed; a name given twice is an array. 400 REQUEST_INVALID with every fault. */
export const ValidQuery = (schema: z.ZodType): ParameterDecorator => query({ checkedBy: schema });

/** The path's parameters, parsed. 400 REQUEST_INVALID with every fault. */
export const ValidParams = (schema: z.ZodType): ParameterDecorator => params({ checkedBy: schema });

/** The payload of a message between services, parsed; the client gets REQUEST_INVALID. */
export const ValidMessage = (schema: z.ZodType): ParameterDecorator => message({ checkedBy: schema });

function callerIn(context: ExecutionContext): VerifiedIdentity {
  const caller = callerOf(requestOf(context));
  if (caller === null) throw new RefusedRequest(refuse(requestErrors.NOT_SIGNED_IN));
  return caller;
}

class SignedInGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    callerIn(context);
    return true;
  }
}

/** Guards come before parameters, which Nest reads from the last to the first: sign-in is asked for before a fault is found. */
const guarded: ParameterDecorator = (target, key) => {
  if (key === undefined) return;
  const method = Object.getOwnPropertyDescriptor(target, key) as TypedPropertyDescriptor<unknown>;
  UseGuards(SignedInGuard)(target, key, method);
};

/** Who asks, a `VerifiedIdentity`; 401 REQUEST_NOT_SIGNED_IN, before anything else is checked. */
export const Caller: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context) => callerIn(context),
  [guarded],
);

/** Who asks, or null; 401 only for a token that is there and not valid. */
export const OptionalCaller: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context): VerifiedIdentity | null => callerOf(requestOf(context)),
);

/** For a controller or handler that only services may call: 401 REQUEST_NOT_A_SERVICE; where `names` are given, 403 REQUEST_FORBIDDEN for any other. */
export const ServiceOnly = (...names: string[]): ClassDecorator & MethodDecorator =>
  applyDecorators(UseGuards(guardOf(names)));

function guardOf(names: readonly string[]): Type<CanActivate> {
  return class ServiceGuard implements CanActivate {
    async canActivate(context: ExecutionContext): Promise<boolean> {
      await callingServiceOf(requestOf(context), names);
      return true;
    }
  };
}
