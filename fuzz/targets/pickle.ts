import { recognizeLayout } from '../../lib/checkpoint/layout.js';
import { readPickle } from '../../lib/checkpoint/pickle.js';
import { mutatePickle, trapPickles } from '../mutations.js';
import { allowErrorCodes, type FuzzTarget } from '../target.js';

/** A pickle of `torch.save`, and the recognition of its network. */
export const target: FuzzTarget = {
  seeds: trapPickles,
  dictionary: [
    'ctorch._utils\n_rebuild_tensor_v2\n',
    'ctorch\nFloatStorage\n',
    'ccollections\nOrderedDict\n',
    'X\x07\0\0\0storage',
    'X\x24\0\0\0modality_encoders.AUDIO.extra_tokens',
    ...['\x80\x02', '\x95', '\x8a', '\x8b', '\x8c', '\x8d', '\x93', '\x94', '\x85', '\x86', '\x87', 'tQ', ')R', '}('],
  ],
  mutate: mutatePickle,
  maxBytes: 16_384,
  async fuzz(data) {
    await allowErrorCodes(() => recognizeLayout(readPickle(data, 'The pickle'), 'file'));
  },
};
