import { InvalidOptionsError } from '../options/parse.js';
import { EmotionError } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { cors, type FastifyInstance, type FastifyRequest, rateLimit, underPressure } from '../vendor/server.js';
import { clientAddress, limitKey } from './address.js';
import type { Connections } from './connections.js';
import { secureHeaders } from './headers.js';
import type { ServerMetrics } from './metrics.js';
import { requireToken } from './token.js';

export interface SecuritySettings {
  /** The token that clients must present. Undefined: none is required. */
  token: string | undefined;
  /** Maximum number of requests per minute and address that run the model. 0: there is no limit. */
  rateLimit: number;
  /** Origins whose pages may use the server. */
  corsOrigins: readonly string[];
  /** Whether only requests to names of this machine are answered, because the server listens on a loopback address. */
  localOnly: boolean;
}

/** Mean delay of the event loop, in milliseconds, above which requests that run the model are refused. */
const MAX_DELAY_MS = 250;

/** Adds security headers, access control and limits. Must be registered before any route. */
export async function protect(
  app: FastifyInstance,
  settings: SecuritySettings,
  shared: { metrics: ServerMetrics; connections: Connections },
): Promise<void> {
  const { token, corsOrigins, localOnly } = settings;
  if (token?.trim() === '') throw new InvalidOptionsError('token: expected text that is not empty');
  shared.connections.watch(app);
  secureHeaders(app);
  if (corsOrigins.length > 0)
    await app.register(cors, { origin: [...corsOrigins], methods: ['GET', 'POST', 'DELETE'] });
  app.addHook('onRequest', (request, _reply, done) => {
    done((localOnly ? refuseHost(request) : undefined) ?? refuseCrossSite(request, settings));
  });
  if (token !== undefined) await requireToken(app, token, shared);
  await limitLoad(app, settings.rateLimit);
}

/**
 * Refuses hosts that are not this machine. A page of another site could give its own host the address 127.0.0.1 (DNS rebinding).
 */
function refuseHost({ host }: FastifyRequest): EmotionError | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (/^(localhost|127(\.\d+){3}|\[::1\]|.+\.localhost)$/.test(name)) return undefined;
  const what = `This server only answers requests to names of its own machine, not to ${shown(name)}`;
  return new EmotionError('ERR_FORBIDDEN', what);
}

/**
 * Refuses requests with which a page of another site would change something, including login and logout. Browsers identify the
 * site of such requests: in Sec-Fetch-Site if the server was reached over HTTPS or on localhost, otherwise in Origin. A page of
 * another site cannot read answers, so GET and HEAD are not refused.
 */
function refuseCrossSite(
  { host, headers, method }: FastifyRequest,
  { localOnly, corsOrigins }: SecuritySettings,
): EmotionError | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined;
  const { origin, 'sec-fetch-site': site } = headers;
  if (origin !== undefined && corsOrigins.includes(origin)) return undefined;
  // Origin alone is not enough: it is "null" for forms of pages that send no referrer, as ours do, and a proxy may use another host.
  if (site === 'same-origin') return undefined;
  const isCrossSite = site === 'cross-site' || site === 'same-site';
  if (!isCrossSite && (!localOnly || origin === undefined || origin.replace(/^https?:\/\//, '') === host))
    return undefined;
  const remedy = `If that page is yours, start the server with --cors-origin ${shown(origin ?? 'ORIGIN')}.`;
  return new EmotionError('ERR_FORBIDDEN', 'Pages of other sites may not use this server', { remedy });
}

/** Refuses requests that run the model when the event loop is late, or when one address sends too many. */
async function limitLoad(app: FastifyInstance, perMinute: number): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: MAX_DELAY_MS,
    pressureHandler: ({ routeOptions }) =>
      routeOptions.config.usesModel ? Promise.reject(new EmotionError('ERR_BUSY', 'The server is busy')) : undefined,
  });
  if (perMinute === 0) return;
  await app.register(rateLimit, {
    max: perMinute,
    timeWindow: '1 minute',
    keyGenerator: (request) => limitKey(clientAddress(request)),
    allowList: (request) => request.routeOptions.config.usesModel !== true,
    errorResponseBuilder: (_request, { max, after }) =>
      new EmotionError(
        'ERR_RATE_LIMITED',
        `More than ${max} requests came from your address in one minute; try again in ${after}`,
      ),
  });
}
