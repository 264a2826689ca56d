/** The OpenAPI document of the gateway's own interface. */
import { gatewayOperations } from '@switchyard/contracts/gateway';
import { sessionOperations } from '@switchyard/contracts/session';
import { openApiDocument } from '@switchyard/kit/openapi';
import { errors } from './errors.ts';
import { ACCESS_COOKIE } from './sessions/session-cookies.ts';

const made = openApiDocument({
  title: 'Switchyard gateway',
  version: '0.1.0',
  description:
    'The one door of a yard. Every other path is routed to the live deployment of a service, by the longest path prefix; what is answered there is documented by that service.',
  operations: { ...gatewayOperations, ...sessionOperations },
  errors: [errors],
});

/** Outside, people show who they are by a token or a cookie, and never by the header that services see. */
export const openApi = {
  ...made,
  components: {
    ...made.components,
    securitySchemes: {
      identity: {
        type: 'http',
        scheme: 'bearer',
        description: `Programs send the access token; browsers send the cookie ${ACCESS_COOKIE} instead`,
      },
    },
  },
};
