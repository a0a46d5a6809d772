// Runs any TorchScript model (torch.jit.save) with the general runtime: loads it, lists its methods and calls `forward`.
// Usage: node examples/torchscript.mjs model.pt 2 3, for a model that takes a float32 tensor of shape [2, 3]
import { TorchModule } from 'emotion2vec-node/torch';

const [file, ...sizes] = process.argv.slice(2);
const shape = sizes.map(Number);
const size = shape.reduce((product, each) => product * each, 1);

const module = await TorchModule.load(file, { device: 'auto' });
console.log(`Methods: ${module.methods.join(', ')}; device: ${module.device}; precision: ${module.precision}`);

// Inputs and outputs are plain objects: the data in row-major order, in the typed array of the dtype.
const input = { dtype: 'float32', shape, data: Float32Array.from({ length: size }, (_, i) => i / size) };
const output = await module.forward([input]);
console.log('Output:', output);
module.dispose();
