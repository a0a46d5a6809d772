// Recognizes every recording of a folder and its subfolders, and writes a CSV file with one row per recording.
// Usage: node examples/batch-folder.mjs recordings emotions.csv
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';

import { EmotionRecognizer } from 'emotion2vec-node';

const [folder = '.', target = 'emotions.csv'] = process.argv.slice(2);
const entries = await readdir(folder, { recursive: true, withFileTypes: true });
const files = entries
  .filter((entry) => entry.isFile() && /\.(wav|mp3|flac|ogg|opus|m4a|amr|webm)$/i.test(entry.name))
  .map((entry) => path.join(entry.parentPath, entry.name))
  .sort();

const field = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
const recognizer = new EmotionRecognizer();
const output = await open(target, 'w');
await output.write('file,emotion,confidence,duration,error\n');

// Memory stays bounded: few files are read ahead of the loop. Results come in the order of the files.
for await (const { input, result, error } of recognizer.recognizeMany(files)) {
  const row = result
    ? [input, result.emotion, result.confidence.toFixed(4), result.duration.toFixed(2), '']
    : [input, '', '', '', error.code ?? error.message];
  await output.write(`${row.map(field).join(',')}\n`);
}

await output.close();
const { done, failed } = recognizer.status().requests;
console.log(`${done} recordings recognized, ${failed} failed; see ${target}`);
await recognizer.close();
