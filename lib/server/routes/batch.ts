import type { Progress } from '../../options/types.js';
import { mapMany } from '../../recognition/many.js';
import { EmotionError } from '../../shared/errors.js';
import { shown } from '../../shared/text.js';
import type { FastifyBaseLogger, FastifyPluginCallbackZod } from '../../vendor/server.js';
import { downloads } from '../batch-download.js';
import { newId } from '../clip-id.js';
import { errorBody } from '../errors.js';
import { acceptsEvents, EventStream } from '../event-stream.js';
import {
  batchForm,
  batchParams,
  clipFields,
  clipOptions,
  type ClipOptions,
  clipQuery,
  fileResponse,
} from '../schemas/requests.js';
import { type BatchList, batchResult, type BatchSummary, type ClipResult } from '../schemas/results.js';
import type { Service } from '../service.js';
import { clientSignal, type FormFile, formFiles, parseFields } from '../uploads.js';

/** Number of clips of a batch that are under way at once. It keeps the model busy and bounds the uploads on the disk. */
const MAX_CLIPS_UNDER_WAY = 16;

const DESCRIPTION = `A form with one part \`file\` for each recording. Recordings are recognized while later ones are still being uploaded, and the
upload is slowed down to the speed of the model. A recording that fails does not stop the others.

With \`Accept: text/event-stream\`, the answer is a stream of server-sent events. Each recording causes \`file\`
(\`{"index":0,"file":"a.wav"}\`) when it has been received, \`progress\` (\`{"index":0,"stage":"queued","ahead":3}\`), and \`result\`
(\`{"index":0,"result":{...}}\`) or \`failure\` (\`{"index":0,"file":"a.wav","error":{...}}\`). The last event is \`done\` or \`error\`.
Otherwise, the answer has all results, in the order of the files.`;

type BatchFile = FormFile & { index: number; options: ClipOptions };
type BatchOutcome = { result: ClipResult } | { file: string; error: { code: string; message: string } };

/** `POST /api/batch`, `GET /api/batch/{id}/{format}` */
export function batchRoutes(service: Service): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.setValidatorCompiler(service.validateAllButBody);
    app.post(
      '/api/batch',
      {
        config: { usesModel: true },
        schema: {
          summary: 'Recognize the emotion in many recordings',
          description: DESCRIPTION,
          tags: ['Recognize'],
          consumes: ['multipart/form-data'],
          produces: ['application/json', 'text/event-stream'],
          querystring: clipQuery,
          body: batchForm,
          response: { 200: batchResult, ...service.errors(400, 415, 503, 507) },
        },
      },
      async (request, reply) => {
        const signal = clientSignal(reply);
        const id = service.keepsResults ? newId() : null;
        const events = acceptsEvents(request.headers.accept) ? new EventStream(reply) : undefined;
        const outcomes: BatchOutcome[] = [];

        async function* files(): AsyncGenerator<BatchFile> {
          const fields = new Map<string, string>();
          let [index, appliedFields] = [0, 0];
          const parts = { maxFiles: service.limits.files, fields, signal };
          for await (const file of formFiles(request, service.spool, parts)) {
            await events?.send('file', { index, file: file.name });
            try {
              yield { ...file, index, options: clipOptions(request.query, parseFields(clipFields, fields)) };
            } catch (error) {
              await file.upload?.remove();
              throw error;
            }
            index++;
            appliedFields = fields.size;
          }
          if (index === 0) throw new EmotionError('ERR_BAD_REQUEST', 'The form has no file');
          const [late] = [...fields.keys()].slice(appliedFields);
          if (late !== undefined) {
            const what = `The field ${shown(late)} comes after the last file, so it applies to none`;
            throw new EmotionError('ERR_BAD_REQUEST', what);
          }
        }
        const recognize = async (file: BatchFile, aborted: AbortSignal): Promise<ClipResult> => {
          if (file.upload === undefined) throw file.error;
          const { index, upload, options } = file;
          const onProgress = (progress: Progress) => events?.progress({ index, ...progress });
          const call = {
            signal: aborted,
            log: request.log,
            ...(id !== null && { batch: id }),
            waits: true,
            onProgress,
          };
          return service.withLinks(await service.clips.recognize(upload, options, call));
        };

        try {
          const many = mapMany(files(), recognize, { ahead: () => MAX_CLIPS_UNDER_WAY, ordered: false, signal });
          for await (const { input, result, error } of many) {
            const { index, name } = input;
            if (result !== undefined) {
              outcomes[index] = { result };
              await events?.send('result', { index, result });
            } else {
              const { code, message } = service.failure(error, request);
              outcomes[index] = { file: name, error: { code, message } };
              await events?.send('failure', { index, ...outcomes[index] });
            }
          }
          const kept = await keepBatch(id, outcomes, service, request.log);
          const summary = summaryOf(kept, outcomes, service);
          if (events === undefined) {
            return { ...summary, results: outcomes.map((each) => ('result' in each ? each.result : each)) };
          }
          await events.send('done', summary);
        } catch (error) {
          if (events === undefined) throw error;
          await events.send('error', errorBody(service.failure(error, request), request.id));
        }
        events.end();
        return reply;
      },
    );

    app.get(
      '/api/batch/:id/:format',
      {
        schema: {
          summary: 'Download the results of a batch',
          description: 'As CSV, as NDJSON, or as a ZIP archive with a folder for each recording.',
          tags: ['Results'],
          params: batchParams,
          response: {
            200: fileResponse(...Object.values(downloads).map(({ type }) => type)),
            ...service.errors(400, 404),
          },
        },
      },
      async (request, reply) => {
        const { id, format } = request.params;
        const list = await service.store?.getBatch(id);
        if (list === undefined) throw new EmotionError('ERR_RESULT_NOT_FOUND', `There is no batch ${id}`);
        const { type, open } = downloads[format];
        void reply.header('content-disposition', `attachment; filename="emotions-${id}.${format}"`);
        return reply.type(type).send(open(list, service.store!) as never);
      },
    );
    done();
  };
}

/** Stores the list of a batch. Returns its id, or null if it is not kept: a full disk must not cost the client the results. */
async function keepBatch(
  id: string | null,
  outcomes: readonly BatchOutcome[],
  service: Service,
  log: FastifyBaseLogger,
): Promise<string | null> {
  if (id === null) return null;
  try {
    await service.store!.saveBatch(id, listOf(outcomes));
    return id;
  } catch (error) {
    log.error({ err: error, batch: id }, 'the batch list could not be stored');
    return null;
  }
}

function summaryOf(id: string | null, outcomes: readonly BatchOutcome[], service: Service): BatchSummary {
  const failed = outcomes.filter((outcome) => 'error' in outcome).length;
  return { id, done: outcomes.length - failed, failed, ...(id !== null && { links: service.batchLinks(id) }) };
}

function listOf(outcomes: readonly BatchOutcome[]): BatchList {
  const clips = outcomes.map((outcome) => {
    if ('error' in outcome) return outcome;
    const { id, file } = outcome.result;
    if (id !== null) return { file, id };
    return { file, error: { code: 'ERR_FILE_WRITE', message: 'The result could not be stored.' } };
  });
  return { createdAt: new Date().toISOString(), clips };
}
