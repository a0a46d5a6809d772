// Writes the tables of gpu.js as plain text of 80 columns.
'use strict';

const LABEL = 19;
const WIDTH = 80;

function head({ machine, gpu, driver }) {
  const { bytesTotal } = driver.devices[0];
  return [
    ...(gpu.fake ? ['THE DEVICE IS SIMULATED (test/fake-cuda): these numbers mean nothing.', ''] : []),
    `${gpu.name}, ${megabytes(bytesTotal)} MB, driver ${driver.release || '-'} (CUDA ${driver.version / 1000})`,
    ...wrapped(machine),
  ].join('\n');
}

/** Returns the tables of one model. */
function report({ title, contestants }, { lengths, batch }) {
  const able = contestants.filter(({ clips }) => clips !== undefined);
  const reference = able.find(({ name }) => name === 'cpu fp32');
  const onCuda = able.filter(({ device }) => device === 'cuda');
  const timesOf = (key) => (contestant) => [
    contestant.name,
    ...lengths.map((seconds) => {
      const msOf = (other) => other?.[key].find((entry) => entry.seconds === seconds)?.ms;
      return msOf(contestant) === undefined ? '-' : compared(msOf(contestant), msOf(reference));
    }),
  ];
  const heads = lengths.map((seconds) => `${seconds} s`);
  const blocks = [
    `${title}\n${'='.repeat(Math.min(WIDTH, title.length))}`,
    table(['ms a clip', ...heads], able.map(timesOf('clips'))),
    table([`in batches of ${batch}`, ...heads], able.map(timesOf('batches'))),
    '(x: times as fast as the CPU in fp32)',
    table(
      ['seconds', 'load', 'load again', 'first clip'],
      able.map(({ name, firstLoadMs, loadMs, firstClipMs }) => [
        name,
        ...[firstLoadMs, loadMs, firstClipMs].map((ms) => (ms / 1000).toFixed(2)),
      ]),
    ),
    '(load: in a new process, including libtorch and the device)',
    table(
      ['MB of tensors', 'weights', 'loading', 'a clip', 'a batch', 'unloaded', 'again'],
      onCuda.map(({ name, memory: { weightsBytes, loadPeakBytes, peakBytes, batchPeakBytes, left, leftAgain } }) => [
        name,
        ...[weightsBytes, loadPeakBytes, peakBytes, batchPeakBytes].map(megabytes),
        ...[left, leftAgain].map(({ allocatedBytes }) => megabytes(allocatedBytes)),
      ]),
    ),
    '(loading, a clip, a batch: the peak until then)',
    `(CPU: ${able
      .map(({ precision, device, rssBytes }) => (device === 'cpu' ? `${precision} ${megabytes(rssBytes)} MB` : ''))
      .filter(Boolean)
      .join(', ')}; peak of the process)`,
    table(
      ['from CPU fp32', 'logits', 'by frame', 'features', 'scores', 'by frame', '1-cosine'],
      able
        .filter(({ apart }) => apart !== undefined)
        .map(({ name, apart: { logits, frameLogits, features, scores, frameScores, cosine } }) => [
          name,
          ...[logits, frameLogits, features, scores, frameScores, 1 - cosine].map((value) => value.toExponential(1)),
        ]),
    ),
    table(
      ['out of memory', 'recovered', 'clip too long', 'next clip', 'usually'],
      onCuda.map(({ name, recoveries: { count, seconds, ms, usualMs } }) => [
        name,
        `${count} times`,
        `${seconds} s`,
        `${ms.toFixed(1)} ms`,
        `${usualMs.toFixed(1)} ms`,
      ]),
    ),
    ...contestants
      .filter(({ skipped }) => skipped)
      .map(({ name, skipped }) => wrapped(`${name} is skipped: ${skipped}`).join('\n')),
    ...contestants
      .filter(({ error }) => error)
      .map(({ name, error }) => wrapped(`${name} FAILED: ${error}`).join('\n')),
  ];
  return blocks.join('\n\n');
}

function compared(ms, reference) {
  const text = ms.toFixed(ms < 100 ? 2 : 0);
  return reference === undefined ? text : `${text} (x${(reference / ms).toFixed(1)})`;
}

const megabytes = (bytes) => String(Math.round(bytes / 1e6));

/** The columns have equal widths beside the labels. */
function table(head, rows) {
  const width = Math.floor((WIDTH - LABEL) / (head.length - 1));
  return [head, ...rows]
    .map(([label, ...cells]) => label.padEnd(LABEL) + cells.map((cell) => cell.padStart(width)).join(''))
    .join('\n');
}

function wrapped(text) {
  const lines = [''];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (line !== '' && line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

module.exports = { head, report };
