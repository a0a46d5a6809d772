// Adds the routes of `emotion2vec serve` under /emotion to a Fastify server, and a route of its own that uses the same recognizer.
// Usage: node examples/fastify.mjs, then: curl -H 'content-type: audio/wav' --data-binary @call.wav localhost:8000/is-angry
import { EmotionError, EmotionRecognizer } from 'emotion2vec-node';
import emotion2vec from 'emotion2vec-node/fastify';
import Fastify from 'fastify';

const recognizer = new EmotionRecognizer({ maxQueue: 256, idleUnloadMs: 600_000 });
const app = Fastify({ bodyLimit: 50 * 2 ** 20 });

app.register(emotion2vec, { prefix: '/emotion', recognizer, keep: false });

app.register(async (routes) => {
  routes.addContentTypeParser(/^audio\//, { parseAs: 'buffer' }, (request, body, done) => done(null, body));
  routes.post('/is-angry', async (request, reply) => {
    try {
      const { scores } = await recognizer.recognize(request.body, { timeoutMs: 30_000 });
      return { angry: scores.angry > 0.5, score: scores.angry };
    } catch (error) {
      if (!(error instanceof EmotionError)) throw error;
      return reply.code(error.code === 'ERR_QUEUE_FULL' ? 503 : 422).send({ error: error.code });
    }
  });
});

// The recognizer belongs to this program, which therefore closes it after the server.
app.addHook('onClose', () => recognizer.close());
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close());

await recognizer.warmUp();
console.log(`Listening at ${await app.listen({ port: Number(process.env.PORT ?? 8000) })}`);
