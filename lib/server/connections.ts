import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { limitKey, plainAddress, type Trust } from './address.js';
import { HttpError } from './errors.js';

/** Of connections that are open at once; 0: any number. */
export interface ConnectionLimits {
  all: number;
  /** Not of a proxy that is trusted: its connections are its clients'. */
  perAddress: number;
  /**
   * Milliseconds within which a connection must bring a valid token when it is over a limit, or send a body without one. Heads have
   * twice that, and what follows on an answer without a token as long.
   */
  hasteMs: number;
}

/** Connections without a valid token that one address may keep open; all further ones must bring it soon. */
const STRANGERS = 64;
/** How long the rest of a body is read that nobody wants, so that its sender can read the answer. */
const LINGER_MS = 60_000;
/** How long a client may take no byte of its answer. */
const READ_STALL_MS = 60_000;

/** known: it brought the token, or there is none to bring. refused: it is one too many, and gets that as its answer. */
type Standing = 'known' | 'stranger' | 'refused';
interface Peer {
  /** Undefined for a trusted proxy. */
  key: string | undefined;
  standing: Standing;
  /** Requests under way. */
  requests: number;
  deadline?: NodeJS.Timeout;
}

/** How many connections there may be, and how long one may be of no use. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #trust: Trust | false;
  readonly #asksForToken: boolean;
  readonly #peers = new Map<Socket, Peer>();
  readonly #perAddress = new Map<string, { all: number; strangers: number }>();
  /** Connections that were closed because there were too many. */
  dropped = 0;

  constructor(limits: ConnectionLimits, trust: Trust | false, asksForToken: boolean) {
    this.#limits = limits;
    this.#trust = trust;
    this.#asksForToken = asksForToken;
  }

  /** Those that are open. */
  get open(): number {
    return this.#peers.size;
  }

  /** To be called before all other hooks are added. */
  watch(app: FastifyInstance): void {
    // Fastify makes a server for each address of "localhost" and shows one of them; what they have in common is its handler.
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
    // One that has asked for nothing yet would keep a server open that is closing, for as long as it says nothing.
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
    // Only when its body is wanted is a client told to send it.
    app.server.on('checkContinue', (request: IncomingMessage, response) => {
      awaitsContinue.add(request);
      app.server.emit('request', request, response);
    });
    app.addHook('preParsing', ({ raw }, reply, _payload, done) => {
      if (awaitsContinue.delete(raw)) reply.raw.writeContinue();
      done();
    });
  }

  /** The connection has brought a valid token. */
  authenticated({ raw: { socket } }: FastifyRequest): void {
    const peer = this.#peers.get(socket);
    if (peer?.standing !== 'stranger') return;
    clearTimeout(peer.deadline);
    peer.standing = 'known';
    if (peer.key !== undefined) this.#perAddress.get(peer.key)!.strangers--;
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
      key === undefined ? { all: 0, strangers: 0 } : (this.#perAddress.get(key) ?? { all: 0, strangers: 0 });
    const { perAddress } = this.#limits;
    const over = perAddress > 0 && counts.all >= perAddress;
    if (over && counts.all >= perAddress + STRANGERS) {
      this.#drop(socket);
      return;
    }
    const standing = over ? 'refused' : this.#asksForToken && key !== undefined ? 'stranger' : 'known';
    const peer: Peer = { key, standing, requests: 0 };
    this.#peers.set(socket, peer);
    if (key !== undefined) {
      this.#perAddress.set(key, counts);
      counts.all++;
      if (standing === 'stranger') counts.strangers++;
    }
    if (over || counts.strangers > STRANGERS) {
      peer.deadline = setTimeout(() => this.#drop(socket), this.#limits.hasteMs).unref();
    }
    socket.once('close', () => {
      clearTimeout(peer.deadline);
      this.#peers.delete(socket);
      if (key === undefined) return;
      counts.all--;
      if (peer.standing === 'stranger') counts.strangers--;
      if (counts.all === 0) this.#perAddress.delete(key);
    });
  }

  /** Where there are too many in all, the oldest that brought no token makes room. */
  #makeRoom(): boolean {
    const { all } = this.#limits;
    if (all === 0 || this.#peers.size < all) return true;
    for (const [socket, { standing }] of this.#peers) {
      if (standing === 'known') continue;
      this.#peers.delete(socket); // its close may take a while
      this.#drop(socket);
      return true;
    }
    return false;
  }

  #drop(socket: Socket): void {
    this.dropped++;
    socket.destroy();
  }

  #onRequest({ raw }: FastifyRequest, reply: FastifyReply): HttpError | undefined {
    if (!(raw.socket instanceof Socket)) return undefined; // injected
    // What a slow answer on the same connection was allowed says nothing of this one, which may take long to compute.
    if (reply.raw.socket) noTimeout(reply.raw.socket);
    else reply.raw.once('socket', noTimeout);
    const peer = this.#peers.get(raw.socket);
    const standing = peer?.standing;
    if (peer !== undefined) peer.requests++;
    if (standing === 'stranger') this.#expectBody(raw);
    if (standing !== 'refused') return undefined;
    void reply.header('connection', 'close');
    return new HttpError('ERR_RATE_LIMITED', 'Too many connections are open from your address', {
      remedy: 'Use fewer connections at once, or start the server with a larger --connections-per-address.',
    });
  }

  /** A form with a token is short. */
  #expectBody(raw: IncomingMessage): void {
    if (!hasBody(raw)) return;
    const { socket } = raw;
    const timer = setTimeout(() => {
      if (!raw.complete && this.#peers.get(socket)?.standing === 'stranger') socket.destroy();
    }, this.#limits.hasteMs).unref();
    raw.once('close', () => clearTimeout(timer));
  }

  #onSend({ raw }: FastifyRequest, reply: FastifyReply): void {
    if (!(raw.socket instanceof Socket)) return; // injected
    reply.raw.setTimeout(READ_STALL_MS);
    const { socket } = raw;
    const known = reply.statusCode !== 401 && (this.#peers.get(socket)?.standing ?? 'known') === 'known';
    // Whoever has no token gets no connection to keep.
    if (!known && reply.statusCode >= 400) void reply.header('connection', 'close');
    if (raw.complete || !hasBody(raw)) return;
    const lingerMs = known ? LINGER_MS : this.#limits.hasteMs;
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
 * Ends a connection whose other side may still be sending: closed at once, it would reset, and the answer be lost. The rest is
 * to be read meanwhile.
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

/** Which may begin before the request has ended. */
function isEventStream(reply: FastifyReply): boolean {
  return String(reply.getHeader('content-type')).startsWith('text/event-stream');
}
