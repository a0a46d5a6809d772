import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';

import {
  type DeviceMemory,
  type ResolvedDevice,
  type ResolvedPrecision,
  type Tensor,
  type TorchInput,
  TorchModule,
  type TorchOptions,
} from 'emotion2vec-node/torch';

expectAssignable<TorchOptions>({
  device: 'cuda',
  precision: 'fp16',
  onProgress: (fraction) => expectType<number>(fraction),
});
expectNotAssignable<TorchOptions>({ device: 'tpu' });
expectError(TorchModule.load('model.pt', { model: 'small-en-de' }));

// A tensor holds the typed array of its dtype
const input: Tensor<'float32'> = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) };
expectAssignable<TorchInput>(input);
expectAssignable<TorchInput>({ dtype: 'int64', shape: [1], data: BigInt64Array.of(1n) });
expectAssignable<TorchInput>([input, 1, 'text', null, { name: input }]);
expectNotAssignable<TorchInput>({ dtype: 'float32', shape: [2], data: Float64Array.of(1, 2) });
expectNotAssignable<TorchInput>({ dtype: 'complex64', shape: [2], data: Float32Array.of(1, 2) });

export async function run(): Promise<void> {
  const module = await TorchModule.load('model.pt');
  expectType<TorchModule>(module);
  expectType<ResolvedDevice>(module.device);
  expectType<ResolvedPrecision>(module.precision);
  expectType<string[]>(module.methods);
  expectType<DeviceMemory>(module.deviceMemory());

  expectType<unknown>(await module.forward([input]));
  expectType<unknown>(await module.call('encode', [input], { signal: AbortSignal.timeout(1000) }));
  const { output, waitMs, runMs } = await module.run('forward', [input]);
  expectType<unknown>(output);
  expectType<number>(waitMs + runMs);
  expectError(module.forward(input));
  expectType<void>(module.dispose());
}
