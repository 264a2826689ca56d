/** The signed tokens (JWT, EdDSA) by which a request says who asks and a service says who it is. */
import { z } from 'zod';

export const TOKEN_ISSUER = 'switchyard';
/** Carries the identity token from the gateway to a service; removed from every request that comes from outside. */
export const IDENTITY_HEADER = 'x-switchyard-identity';
/** Answered by every service made with the kit, so that a health check proves which instance answers. */
export const INSTANCE_HEADER = 'x-switchyard-instance';
/** Audience of an access token: the gateway itself. */
export const ACCESS_AUDIENCE = 'switchyard:gateway';
/** Audience of a SERVICE_TOKEN: the registry and every other service. */
export const SERVICE_AUDIENCE = 'switchyard:services';

/** Who asks: the same three facts in access and identity tokens. */
export const identity = z.object({
  id: z.string().describe('`sub` of the token'),
  handle: z.string(),
  name: z.string(),
});
export type Identity = z.infer<typeof identity>;

/** Signed by the gateway, held by the browser's cookie or a program; lives 10 minutes. */
export const accessClaims = z.object({
  iss: z.literal(TOKEN_ISSUER),
  aud: z.literal(ACCESS_AUDIENCE),
  sub: z.string(),
  sid: z.string().describe('The session (refresh family) it belongs to'),
  handle: z.string(),
  name: z.string(),
  iat: z.int(),
  exp: z.int(),
});
export type AccessClaims = z.infer<typeof accessClaims>;

/** Minted by the gateway for one service, lives 60 seconds at most. `aud` is the service's name. */
export const identityClaims = z.object({
  iss: z.literal(TOKEN_ISSUER),
  aud: z.string(),
  sub: z.string(),
  sid: z.string(),
  handle: z.string(),
  name: z.string(),
  iat: z.int(),
  exp: z.int(),
});
export type IdentityClaims = z.infer<typeof identityClaims>;

/** Made by the yard for each service, `sub` is the service's name; sent as `Authorization: Bearer`. */
export const serviceClaims = z.object({
  iss: z.literal(TOKEN_ISSUER),
  aud: z.literal(SERVICE_AUDIENCE),
  sub: z.string(),
  iat: z.int(),
});
export type ServiceClaims = z.infer<typeof serviceClaims>;
