import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';

import { EmotionError } from '../shared/errors.js';
import type { FastifyInstance, FastifyReply, FastifyRequest } from '../vendor/server.js';
import { limitKey, plainAddress, type Trust } from './address.js';

/** Limits of connections that are open at once. 0: there is no limit. */
export interface ConnectionLimits {
  all: number;
  /** The limit does not apply to trusted proxies, whose connections belong to many clients. */
  perAddress: number;
  /**
   * Milliseconds that a connection without a valid token has to present one when a limit is exceeded, to send a body, and to
   * send the rest of a request that was answered early. The head of any request has twice that time.
   */
  graceMs: number;
}

/**
 * Number of anonymous connections that one address may keep open. Further ones must present the token within the grace period.
 */
const MAX_ANONYMOUS = 64;
/** Time for which the rest of a body is read and discarded, so that the client can read the answer. */
const LINGER_MS = 60_000;
/** Time after which a client that reads nothing of its answer is disconnected. */
const READ_STALL_MS = 60_000;

/**
 * authenticated: the connection presented the token, or the server requires none. refused: the connection exceeds the limit of
 * its address, and its request is answered with that error.
 */
type Standing = 'authenticated' | 'anonymous' | 'refused';
interface Peer {
  /** Undefined for a trusted proxy. */
  key: string | undefined;
  standing: Standing;
  /** Number of requests under way. */
  requests: number;
  deadline?: NodeJS.Timeout;
}

/** Limits the number of connections, and the time that each may stay open without being used. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #trust: Trust | false;
  readonly #requiresToken: boolean;
  readonly #peers = new Map<Socket, Peer>();
  readonly #perAddress = new Map<string, { all: number; anonymous: number }>();
  /** Number of connections that were closed because there were too many. */
  dropped = 0;

  constructor(limits: ConnectionLimits, trust: Trust | false, requiresToken: boolean) {
    this.#limits = limits;
    this.#trust = trust;
    this.#requiresToken = requiresToken;
  }

  /** Number of open connections. */
  get open(): number {
    return this.#peers.size;
  }

  /** Adds the hooks that watch connections. Must be called before any other hook is added. */
  watch(app: FastifyInstance): void {
    // Fastify creates a server for each address of "localhost" and exposes one of them. They share the request handler.
    const [handler] = app.server.listeners('request');
    const onSocket = (event: unknown): void => {
      const { socket } = event as { socket: Socket & { server?: Server } };
      if (socket.server?.listeners('request')[0] === handler) this.#admit(socket);
    };
    subscribe('net.server.socket', onSocket);
    app.addHook('onClose', (_app, done) => {
      unsubscribe('net.server.socket', onSocket);
      done();
    });
    // A connection that has sent no request would keep a closing server open for as long as it stays silent.
    app.addHook('preClose', (done) => {
      for (const [socket, { requests }] of this.#peers) if (requests === 0) socket.destroy();
      done();
    });
    app.addHook('onRequest', (request, reply, done) => done(this.#onRequest(request, reply)));
    app.addHook('onResponse', ({ raw: { socket } }, _reply, done) => {
      const peer = this.#peers.get(socket);
      if (peer !== undefined) peer.requests--;
      done();
    });
    app.addHook('onSend', (request, reply, _payload, done) => {
      this.#onSend(request, reply);
      done();
    });
    // The client is asked to send its body only when a handler reads it.
    app.server.on('checkContinue', (request: IncomingMessage, response) => {
      awaitsContinue.add(request);
      app.server.emit('request', request, response);
    });
    app.addHook('preParsing', ({ raw }, reply, _payload, done) => {
      if (awaitsContinue.delete(raw)) reply.raw.writeContinue();
      done();
    });
  }

  /** Marks the connection of a request as authenticated. */
  authenticated({ raw: { socket } }: FastifyRequest): void {
    const peer = this.#peers.get(socket);
    if (peer?.standing !== 'anonymous') return;
    clearTimeout(peer.deadline);
    peer.standing = 'authenticated';
    if (peer.key !== undefined) this.#perAddress.get(peer.key)!.anonymous--;
  }

  #admit(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress);
    const proxy = this.#trust !== false && this.#trust(socket.remoteAddress, 0);
    const key = proxy || address === undefined ? undefined : limitKey(address);
    if (!this.#makeRoom()) {
      this.#drop(socket);
      return;
    }
    const counts =
      key === undefined ? { all: 0, anonymous: 0 } : (this.#perAddress.get(key) ?? { all: 0, anonymous: 0 });
    const { perAddress } = this.#limits;
    const over = perAddress > 0 && counts.all >= perAddress;
    if (over && counts.all >= perAddress + MAX_ANONYMOUS) {
      this.#drop(socket);
      return;
    }
    const standing = over ? 'refused' : this.#requiresToken && key !== undefined ? 'anonymous' : 'authenticated';
    const peer: Peer = { key, standing, requests: 0 };
    this.#peers.set(socket, peer);
    if (key !== undefined) {
      this.#perAddress.set(key, counts);
      counts.all++;
      if (standing === 'anonymous') counts.anonymous++;
    }
    if (over || counts.anonymous > MAX_ANONYMOUS) {
      peer.deadline = setTimeout(() => this.#drop(socket), this.#limits.graceMs).unref();
    }
    socket.once('close', () => {
      clearTimeout(peer.deadline);
      this.#peers.delete(socket);
      if (key === undefined) return;
      counts.all--;
      if (peer.standing === 'anonymous') counts.anonymous--;
      if (counts.all === 0) this.#perAddress.delete(key);
    });
  }

  /** Closes the oldest connection that is not authenticated if there are too many. Returns whether there is room for one more. */
  #makeRoom(): boolean {
    const { all } = this.#limits;
    if (all === 0 || this.#peers.size < all) return true;
    for (const [socket, { standing }] of this.#peers) {
      if (standing === 'authenticated') continue;
      this.#peers.delete(socket); // its close event may take a while
      this.#drop(socket);
      return true;
    }
    return false;
  }

  #drop(socket: Socket): void {
    this.dropped++;
    socket.destroy();
  }

  #onRequest({ raw }: FastifyRequest, reply: FastifyReply): EmotionError | undefined {
    if (!(raw.socket instanceof Socket)) return undefined; // an injected request
    // Removes the timeout of an earlier answer on the same connection. This answer may take long to compute.
    if (reply.raw.socket) noTimeout(reply.raw.socket);
    else reply.raw.once('socket', noTimeout);
    const peer = this.#peers.get(raw.socket);
    const standing = peer?.standing;
    if (peer !== undefined) peer.requests++;
    if (standing === 'anonymous') this.#expectBody(raw);
    if (standing !== 'refused') return undefined;
    void reply.header('connection', 'close');
    return new EmotionError('ERR_RATE_LIMITED', 'Too many connections are open from your address', {
      remedy: 'Use fewer connections at once, or start the server with a larger --connections-per-address.',
    });
  }

  /** Limits the time for the body of an anonymous request, which can only be a login form. */
  #expectBody(raw: IncomingMessage): void {
    if (!hasBody(raw)) return;
    const { socket } = raw;
    const timer = setTimeout(() => {
      if (!raw.complete && this.#peers.get(socket)?.standing === 'anonymous') socket.destroy();
    }, this.#limits.graceMs).unref();
    raw.once('close', () => clearTimeout(timer));
  }

  #onSend({ raw }: FastifyRequest, reply: FastifyReply): void {
    if (!(raw.socket instanceof Socket)) return; // an injected request
    reply.raw.setTimeout(READ_STALL_MS);
    const { socket } = raw;
    const isAuthenticated =
      reply.statusCode !== 401 && (this.#peers.get(socket)?.standing ?? 'authenticated') === 'authenticated';
    // A failed anonymous request does not keep its connection.
    if (!isAuthenticated && reply.statusCode >= 400) void reply.header('connection', 'close');
    if (raw.complete || !hasBody(raw)) return;
    const lingerMs = isAuthenticated ? LINGER_MS : this.#limits.graceMs;
    if (isEventStream(reply)) {
      reply.raw.once('finish', () => {
        if (!raw.complete) endSlowly(socket, lingerMs);
      });
      return;
    }
    void reply.header('connection', 'close');
    const close = (): void => Socket.prototype.destroySoon.call(socket);
    socket.destroySoon = () => {
      if (raw.complete) {
        close();
        return;
      }
      endSlowly(socket, lingerMs);
      raw.once('end', close).resume();
    };
  }
}

const awaitsContinue = new WeakSet<IncomingMessage>();

/**
 * Ends a connection whose client may still be sending. Closing it at once would reset it, and the client would lose the answer.
 * The caller must keep reading in the meantime.
 */
export function endSlowly(socket: Socket, ms: number): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), ms).unref();
  socket.once('close', () => clearTimeout(timer));
}

function noTimeout(socket: Socket): void {
  socket.setTimeout(0);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Returns whether the answer is an event stream, which may begin before the request has ended. */
function isEventStream(reply: FastifyReply): boolean {
  return String(reply.getHeader('content-type')).startsWith('text/event-stream');
}
