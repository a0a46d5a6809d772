import { EmotionError } from '../../shared/errors.js';
import { shown } from '../../shared/text.js';
import type { FastifyPluginCallbackZod } from '../../vendor/server.js';
import { errorBody } from '../errors.js';
import { acceptsEvents, EventStream } from '../event-stream.js';
import { clipFields, clipOptions, recognizeForm, recognizeQuery } from '../schemas/requests.js';
import { clipResult } from '../schemas/results.js';
import type { Service } from '../service.js';
import { bodyUpload, clientSignal, formUpload, isRecordingType } from '../uploads.js';

const DESCRIPTION = `The body is a form with the file in the field \`file\`, or the file itself with a Content-Type of audio/*. Options are fields of the
form, or query parameters.

With \`Accept: text/event-stream\`, the answer is a stream of server-sent events: \`progress\` (\`{"stage":"loading","fraction":0.4}\`,
\`{"stage":"decoding"}\`, \`{"stage":"queued","ahead":3}\`, \`{"stage":"running","done":0,"total":1}\`), and finally \`result\` or
\`error\`.`;

/** `POST /api/recognize` */
export function recognizeRoute(service: Service): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.setValidatorCompiler(service.validateAllButBody);
    app.removeContentTypeParser(['application/json', 'text/plain']); // Fastify's default parsers
    app.addContentTypeParser('*', (request, body, parsed) => {
      const { 'content-type': type } = request.headers;
      if (isRecordingType(type)) parsed(null, body);
      else parsed(new EmotionError('ERR_UNSUPPORTED_TYPE', `The type ${shown(type ?? '')} is not that of audio`));
    });
    app.post(
      '/api/recognize',
      {
        config: { usesModel: true },
        schema: {
          summary: 'Recognize the emotion in a recording',
          description: DESCRIPTION,
          tags: ['Recognize'],
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
        if (!acceptsEvents(request.headers.accept)) {
          return service.withLinks(await service.clips.recognize(upload, options, call));
        }
        const events = new EventStream(reply);
        try {
          const onProgress = (progress: unknown) => events.progress(progress);
          const result = await service.clips.recognize(upload, options, { ...call, onProgress });
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
