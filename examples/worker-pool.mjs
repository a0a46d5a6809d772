// Recognizes recordings in several worker threads. Their recognizers share one set of weights in the process.
// Usage: node examples/worker-pool.mjs call1.wav call2.wav call3.wav
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

import { EmotionRecognizer } from 'emotion2vec-node';

if (isMainThread) {
  const files = process.argv.slice(2);
  const remaining = files.values();
  const size = Math.min(availableParallelism(), files.length);
  await Promise.all(Array.from({ length: size }, (_, i) => runWorker(`worker ${i + 1}`, remaining)));
} else {
  const recognizer = new EmotionRecognizer();
  parentPort.on('message', async (file) => {
    try {
      const { emotion, confidence } = await recognizer.recognize(file);
      parentPort.postMessage(`${file}: ${emotion} (${(100 * confidence).toFixed(1)}%)`);
    } catch (error) {
      parentPort.postMessage(`${file}: ${error.message}`);
    }
  });
}

/** Sends files to a worker, one at a time, until none remain. */
function runWorker(name, files) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url));
    const next = () => {
      const { value: file, done } = files.next();
      if (done) resolve(worker.terminate());
      else worker.postMessage(file);
    };
    worker.on('message', (line) => {
      console.log(`${line}, ${name}`);
      next();
    });
    worker.on('error', reject);
    next();
  });
}
