import Fastify from 'fastify';
import { expectAssignable, expectError, expectNotAssignable } from 'tsd';

import { EmotionRecognizer } from 'emotion2vec-node';
import emotion2vec, { type ApiOptions } from 'emotion2vec-node/fastify';

const recognizer = new EmotionRecognizer();
const app = Fastify();
app.register(emotion2vec, { prefix: '/emotion', recognizer });
app.register(emotion2vec.emotion2vec, { recognizer, keep: false });
expectError(app.register(emotion2vec, { prefix: '/emotion' }));

expectAssignable<ApiOptions>({ recognizer, keep: { seconds: 3600 }, maxUploadBytes: 2 ** 20, maxDuration: 60 });
expectNotAssignable<ApiOptions>({ recognizer, keep: true });
expectNotAssignable<ApiOptions>({ maxFiles: 10 });
