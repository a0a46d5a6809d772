// Writes the tables in Markdown.
'use strict';
const { COLD_SECONDS, IN_FLIGHT } = require('./measure.js');

function report({ machine, command, settings, contestants }) {
  const versions = [...new Set(contestants.map(({ version }) => version))].join(', ');
  return `## ${machine}

${versions}. Measured with \`${command}\`.

Each contestant runs the same weights (emotion2vec+ ${settings.size}, seeded at random) on the same clips with ${settings.threads} intra-op threads, in a
separate process. The contestants alternate in each round, and the numbers are medians. × is the ratio to emotion2vec-node's number in the same
precision.

### Seconds for a clip, model loaded (rounds: ${settings.rounds})

${warmTable(contestants)}

### A fresh process (rounds: ${settings.coldRounds})

The first result for a clip of ${COLD_SECONDS} s, counted from the start of the process, with the files in the page cache. Loading is the part that a second clip
does not need. The peak is the resident memory of the process at the first result. bf16 is made from the fp32 file while it loads.

${coldTable(contestants)}

### Clips of ${COLD_SECONDS} s per second, ${IN_FLIGHT} in flight (rounds: ${settings.floodRounds}, ${settings.floodSeconds} s each)

${floodTable(contestants)}
`;
}

function warmTable(contestants) {
  const lengths = contestants[0].warm.map(({ seconds }) => `${seconds} s`);
  const rows = contestants.map((contestant) => [
    named(contestant),
    ...contestant.warm.map(({ ms }, i) => {
      return compared(seconds(ms), ms, contestant, contestants, (ours) => ours.warm[i].ms);
    }),
  ]);
  return table(['', ...lengths], rows);
}

function coldTable(contestants) {
  const rows = contestants.map((contestant) => {
    const { firstMs, loadMs, peakBytes } = contestant.cold;
    const first = compared(seconds(firstMs), firstMs, contestant, contestants, (ours) => ours.cold.firstMs);
    const peak = compared(megabytes(peakBytes), peakBytes, contestant, contestants, (ours) => ours.cold.peakBytes);
    return [named(contestant), megabytes(contestant.fileBytes), first, `${seconds(loadMs)}`, peak];
  });
  return table(['', 'file, MB', 'first result, s', 'of that loading, s', 'peak, MB'], rows);
}

function floodTable(contestants) {
  const rows = contestants
    .filter(({ clipsPerSecond }) => clipsPerSecond !== undefined)
    .map((contestant) => {
      const rate = contestant.clipsPerSecond;
      return [
        named(contestant),
        compared(rate.toFixed(2), rate, contestant, contestants, (ours) => ours.clipsPerSecond),
      ];
    });
  return table(['', 'clips per second'], rows);
}

/** Returns `text`, for other contestants with the ratio of `value` to ours in the same precision. */
function compared(text, value, { ours, kind }, contestants, valueOf) {
  const rival = ours ? undefined : contestants.find((other) => other.ours && other.kind === kind);
  return rival ? `${text} (×${(value / valueOf(rival)).toFixed(2)})` : text;
}

const named = ({ name, ours }) => (ours ? `**${name}**` : name);
const seconds = (ms) => (ms / 1000).toFixed(ms < 9995 ? 3 : 1);
const megabytes = (bytes) => String(Math.round(bytes / 1e6));

function table(head, rows) {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

module.exports = { report };
