/** Messages of the Open Inference Protocol, REST: https://github.com/kserve/open-inference-protocol */
import { sampleRateSchema } from '../../options/schemas.js';
import * as z from '../../vendor/zod.js';

const tensorData: z.ZodType<unknown[]> = z.array(z.unknown());

export const inferTensor = z.object({
  name: z.string(),
  shape: z.array(z.number().int().min(0)).min(1).max(8),
  datatype: z.string(),
  parameters: z.record(z.string(), z.unknown()).optional(),
  data: tensorData
    .optional()
    .describe('Elements in row-major order, flat or nested. Absent if the tensor is sent as binary data.'),
});
export type InferTensor = z.output<typeof inferTensor>;

export const inferRequest = z
  .object({
    id: z.string().max(255).optional(),
    parameters: z
      .looseObject({
        sample_rate: sampleRateSchema.optional(),
        binary_data_output: z.boolean().optional(),
      })
      .optional(),
    inputs: z.array(inferTensor).min(1).max(2),
    outputs: z
      .array(
        z.object({ name: z.string(), parameters: z.looseObject({ binary_data: z.boolean().optional() }).optional() }),
      )
      .optional(),
  })
  .meta({ id: 'InferRequest' });
export type InferRequest = z.output<typeof inferRequest>;

export const inferResponse = z
  .object({
    model_name: z.string(),
    model_version: z.string().optional(),
    id: z.string().optional(),
    outputs: z.array(inferTensor),
  })
  .meta({ id: 'InferResponse' });

export const modelParams = z.object({ name: z.string().max(255) });

export const inferError = z.object({ error: z.string() }).meta({ id: 'InferError' });

const tensorMetadata = z.object({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.number().int()).describe('-1 stands for a dimension of any size.'),
});

export const modelMetadata = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(tensorMetadata),
  outputs: z.array(tensorMetadata),
  parameters: z.object({ sample_rate: z.number().int(), labels: z.array(z.string()) }),
});

export const serverMetadata = z.object({
  name: z.string(),
  version: z.string(),
  extensions: z.array(z.string()),
});
