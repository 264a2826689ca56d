/** The two cookies of a browser's session, as they are set. */

/** `__Host-`: Secure, Path=/ and no Domain, or the browser refuses them (RFC 6265bis section 4.1.3.2). */
export const ACCESS_COOKIE = '__Host-switchyard-access';
export const REFRESH_COOKIE = '__Host-switchyard-refresh';

const ATTRIBUTES = 'Path=/; HttpOnly; Secure; SameSite=Lax';

export interface SessionTokens {
  readonly accessToken: string;
  readonly accessSeconds: number;
  readonly refreshToken: string;
  readonly refreshSeconds: number;
}

/** Values of two Set-Cookie headers. */
export const sessionCookies = (tokens: SessionTokens): readonly string[] => [
  `${ACCESS_COOKIE}=${tokens.accessToken}; Max-Age=${tokens.accessSeconds}; ${ATTRIBUTES}`,
  `${REFRESH_COOKIE}=${tokens.refreshToken}; Max-Age=${tokens.refreshSeconds}; ${ATTRIBUTES}`,
];

export const CLEARED_COOKIES: readonly string[] = [
  `${ACCESS_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`,
  `${REFRESH_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`,
];
