/** Where a browser that shows the screens finds the gateway: where it came through, or on another origin. */

const DEFAULT_PORT = 8000;

/**
 * The gateway's origin for the browser that sent a request; '' stands for the page's own origin, when the request came through the gateway.
 *
 * `host` is the Host header: the browser's own idea of where it is. What does not look like one counts as localhost, so that nothing
 * else gets into the answer or its Content-Security-Policy.
 */
export function gatewayFor(request: {
  readonly throughGateway: boolean;
  readonly host: string | undefined;
  readonly publicUrl: string | undefined;
}): string {
  if (request.throughGateway) return '';
  if (request.publicUrl !== undefined) return request.publicUrl;
  return `http://${hostnameOf(request.host)}:${DEFAULT_PORT}`;
}

function hostnameOf(host: string | undefined): string {
  const name = /^(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::\d{1,5})?$/i.exec(host ?? '')?.[1];
  return name !== undefined && URL.canParse(`http://${name}/`) ? name.toLowerCase() : 'localhost';
}
