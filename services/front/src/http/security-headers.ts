/** The headers by which a browser is told what these pages may do: nothing but their own scripts, styles and calls to the gateway. */
import type { Response } from 'express';

/** `gatewayUrl` is '' where the page's own origin is the gateway. */
export function contentSecurityPolicy(gatewayUrl: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self'${gatewayUrl === '' ? '' : ` ${gatewayUrl}`}`,
    "font-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

/** On every answer of this service, errors included. */
export function setSecurityHeaders(response: Response, gatewayUrl: string): void {
  response.setHeader('content-security-policy', contentSecurityPolicy(gatewayUrl));
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'same-origin');
  response.setHeader('permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()');
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
}
