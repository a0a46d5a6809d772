import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';

import { errorBody, HttpError, shortened } from '../errors.js';
import { EventStream, wantsEvents } from '../event-stream.js';
import { clipFields, clipOptions, clipResult, recognizeForm, recognizeQuery } from '../schemas.js';
import type { Service } from '../service.js';
import { bodyUpload, clientSignal, formUpload, isRecordingType } from '../uploads.js';

const DESCRIPTION = `A form with the field \`file\`, or the file's bytes with a Content-Type of audio/*. Options are fields of the form, or a query.

With \`Accept: text/event-stream\` the answer is a stream of events: \`progress\` (\`{"stage":"loading","fraction":0.4}\`,
\`{"stage":"decoding"}\`, \`{"stage":"queued","ahead":3}\`, \`{"stage":"running","done":0,"total":1}\`), and at the end \`result\`
or \`error\`.`;

/** `POST /api/recognize` */
export function recognizeRoute(service: Service): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.setValidatorCompiler(service.validateAllButBody);
    app.removeContentTypeParser(['application/json', 'text/plain']); // Fastify's own
    app.addContentTypeParser('*', (request, body, parsed) => {
      if (isRecordingType(request.headers['content-type'])) parsed(null, body);
      else
        parsed(
          new HttpError(
            'ERR_UNSUPPORTED_TYPE',
            `A body of ${shortened(request.headers['content-type'] ?? 'no type')} is no audio`,
          ),
        );
    });
    app.post(
      '/api/recognize',
      {
        config: { works: true },
        schema: {
          summary: 'Recognise the emotion in a recording',
          description: DESCRIPTION,
          tags: ['recognise'],
          consumes: ['multipart/form-data', 'audio/*', 'application/octet-stream'],
          produces: ['application/json', 'text/event-stream'],
          querystring: recognizeQuery,
          body: recognizeForm,
          response: { 200: clipResult, ...service.errors(400, 413, 415, 422, 503, 504, 507) },
        },
      },
      async (request, reply) => {
        const signal = clientSignal(reply);
        const { name, ...query } = request.query;
        const { upload, fields } = request.isMultipart()
          ? await formUpload(request, service.spool, clipFields, signal)
          : { upload: await bodyUpload(request, service.spool, { name, signal }), fields: {} };
        const options = clipOptions(query, fields);
        const call = { signal, log: request.log };
        if (!wantsEvents(request.headers.accept)) {
          return service.withLinks(await service.clips.hear(upload, options, call));
        }
        const events = new EventStream(reply);
        try {
          const onProgress = (progress: unknown) => void events.send('progress', progress);
          const result = await service.clips.hear(upload, options, { ...call, onProgress });
          await events.send('result', service.withLinks(result));
        } catch (error) {
          await events.send('error', errorBody(service.failure(error, request), request.id));
        }
        events.end();
        return reply;
      },
    );
    done();
  };
}
