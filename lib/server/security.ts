import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance, FastifyRequest } from 'fastify';

import { clientAddress, limitKey } from './address.js';
import type { Connections } from './connections.js';
import { HttpError, shortened } from './errors.js';
import { secureHeaders } from './headers.js';
import type { ServerMetrics } from './metrics.js';
import { requireToken } from './token.js';

export interface SecuritySettings {
  /** What clients must present; undefined: nothing. */
  token: string | undefined;
  /** Requests a minute that one address may make the model work; 0: any number. */
  rateLimit: number;
  /** Origins whose pages may use the server; none without. */
  corsOrigins: readonly string[];
  /** Whether only names of this machine are answered: what listens on a loopback address is not meant for others. */
  localOnly: boolean;
}

/** The event loop's mean delay beyond which more work is refused. */
const MAX_DELAY_MS = 250;

/** Headers, who may come in, and how much of it. To be registered before any route. */
export async function protect(
  app: FastifyInstance,
  settings: SecuritySettings,
  shared: { metrics: ServerMetrics; connections: Connections },
): Promise<void> {
  const { token, corsOrigins, localOnly } = settings;
  if (token?.trim() === '') throw new TypeError('Invalid options: token: it must not be empty'); // everybody knows that one
  shared.connections.watch(app);
  secureHeaders(app);
  if (corsOrigins.length > 0)
    await app.register(cors, { origin: [...corsOrigins], methods: ['GET', 'POST', 'DELETE'] });
  app.addHook('onRequest', (request, _reply, done) => {
    done((localOnly ? refuseNames(request) : undefined) ?? refuseForeign(request, settings));
  });
  if (token !== undefined) await requireToken(app, token, shared);
  await limitWork(app, settings.rateLimit);
}

/** A page of another site must not use a server that was opened for this machine's user, under whatever name it finds it. */
function refuseNames({ host }: FastifyRequest): HttpError | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (/^(localhost|127(\.\d+){3}|\[::1\]|.+\.localhost)$/.test(name)) return undefined;
  const what = `This server answers to names of its own machine only, not to ${shortened(name)}`;
  return new HttpError('ERR_FORBIDDEN', what);
}

/**
 * A page of another site must not change anything here, log in or out included. Browsers say whose page it is with all such
 * requests: with Sec-Fetch-Site where the connection is safe from others, with Origin elsewhere; what such a page reads they keep
 * from it.
 */
function refuseForeign(
  { host, headers, method }: FastifyRequest,
  { localOnly, corsOrigins }: SecuritySettings,
): HttpError | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined;
  const { origin, 'sec-fetch-site': site } = headers;
  if (origin !== undefined && corsOrigins.includes(origin)) return undefined;
  // The origin is "null" for a form of a page that sends no referrer, as ours do; and a proxy may call us by another host.
  if (site === 'same-origin') return undefined;
  const elsewhere = site === 'cross-site' || site === 'same-site';
  if (!elsewhere && (!localOnly || origin === undefined || origin.replace(/^https?:\/\//, '') === host))
    return undefined;
  const remedy = `Start it with --cors-origin ${shortened(origin ?? 'ORIGIN')} where that page is yours.`;
  return new HttpError('ERR_FORBIDDEN', 'Pages of other sites may not use this server', { remedy });
}

/** Keeps more work from coming in than one client may bring, or than the event loop can take. */
async function limitWork(app: FastifyInstance, perMinute: number): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: MAX_DELAY_MS,
    pressureHandler: ({ routeOptions }) =>
      routeOptions.config.works ? Promise.reject(new HttpError('ERR_BUSY', 'The server is busy')) : undefined,
  });
  if (perMinute === 0) return;
  await app.register(rateLimit, {
    max: perMinute,
    timeWindow: '1 minute',
    keyGenerator: (request) => limitKey(clientAddress(request)),
    allowList: (request) => request.routeOptions.config.works !== true,
    errorResponseBuilder: (_request, { max, after }) =>
      new HttpError(
        'ERR_RATE_LIMITED',
        `More than ${max} requests came from your address in a minute; try again in ${after}`,
      ),
  });
}
