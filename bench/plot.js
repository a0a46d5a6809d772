// Plots seconds per clip against its length as an SVG with logarithmic axes. Colors stand for precisions, dashes for contestants.
'use strict';

const WIDTH = 860;
const HEIGHT = 560;
const FRAME = { left: 70, right: WIDTH - 80, top: 56, bottom: HEIGHT - 62 };
const COLORS = { fp32: '#1d4ed8', bf16: '#047857', int8: '#c2410c' };
const LEGEND_ROW = 21;
const LABEL_GAP = 15;
/** Factor by which the axis extends beyond the times. */
const MARGIN = 1.25;

function plot({ contestants, settings: { threads } }) {
  const lengths = contestants[0].warm.map(({ seconds }) => seconds);
  const times = contestants.flatMap(({ warm }) => warm.map(({ ms }) => ms / 1000));
  const x = logScale(Math.min(...lengths), Math.max(...lengths), FRAME.left + 24, FRAME.right - 24);
  const [min, max] = [Math.min(...times) / MARGIN, Math.max(...times) * MARGIN];
  const y = logScale(min, max, FRAME.bottom, FRAME.top);
  const parts = [
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(FRAME.left, 30, `Seconds per clip, ${threads} threads (less is better)`, 'font-size="17" font-weight="600"'),
    ...grid(x, y, lengths, ticksBetween(min, max)),
    ...contestants.map((contestant) => curve(contestant, x, y)),
    ...endLabels(contestants, y),
    ...legend(contestants),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="Helvetica, Arial, sans-serif" font-size="13" fill="#1f2937">
${parts.join('\n')}
</svg>
`;
}

function grid(x, y, lengths, ticks) {
  const { left, right, top, bottom } = FRAME;
  const line = (x1, y1, x2, y2) => `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#e5e7eb"/>`;
  return [
    ...lengths.flatMap((seconds) => [
      line(x(seconds), top, x(seconds), bottom),
      text(x(seconds), bottom + 20, `${seconds} s`, 'text-anchor="middle"'),
    ]),
    ...ticks.flatMap((seconds) => [
      line(left, y(seconds), right, y(seconds)),
      text(left - 8, round(y(seconds) + 4.5), `${seconds} s`, 'text-anchor="end"'),
    ]),
    `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="none" stroke="#9ca3af"/>`,
    text((left + right) / 2, bottom + 44, 'length of the clip', 'text-anchor="middle"'),
  ];
}

function curve(contestant, x, y) {
  const at = contestant.warm.map(({ seconds, ms }) => [x(seconds), y(ms / 1000)]);
  const points = at.map((point) => point.join(',')).join(' ');
  return [`<polyline points="${points}" ${stroke(contestant)}/>`, ...at.map((point) => mark(contestant, point))].join(
    '',
  );
}

/** Writes the time for the longest clip beside the end of each curve. Labels that would overlap are moved apart. */
function endLabels(contestants, y) {
  const labels = contestants
    .map((contestant) => ({ contestant, ms: contestant.warm.at(-1).ms }))
    .sort((a, b) => b.ms - a.ms);
  let last = -Infinity;
  return labels.map(({ contestant, ms }) => {
    last = Math.max(y(ms / 1000) + 4.5, last + LABEL_GAP);
    const seconds = `${(ms / 1000).toPrecision(ms < 1000 ? 2 : 3)} s`;
    return text(FRAME.right + 8, round(last), seconds, `fill="${COLORS[contestant.kind]}"`);
  });
}

/** Returns the legend, which is in the upper left corner, where no curve is. */
function legend(contestants) {
  const left = FRAME.left + 16;
  const top = FRAME.top + 14;
  const box = `<rect x="${left}" y="${top}" width="250" height="${LEGEND_ROW * contestants.length + 12}" rx="4" fill="#ffffff" stroke="#d1d5db"/>`;
  const rows = contestants.map((contestant, i) => {
    const middle = top + 16.5 + i * LEGEND_ROW;
    const sample = `<line x1="${left + 12}" y1="${middle}" x2="${left + 52}" y2="${middle}" ${stroke(contestant)}/>`;
    const weight = contestant.ours ? 'font-weight="600"' : '';
    return sample + mark(contestant, [left + 32, middle]) + text(left + 62, middle + 4.5, contestant.name, weight);
  });
  return [box, ...rows];
}

function stroke({ kind, ours, name }) {
  const dashes = ours ? 'none' : name.startsWith('FunASR') ? '2 4' : '7 4';
  return `fill="none" stroke="${COLORS[kind]}" stroke-width="${ours ? 2.5 : 1.75}" stroke-dasharray="${dashes}"`;
}

/** Returns a dot, which is filled for this package and hollow for the others. */
function mark({ kind, ours }, [x, y]) {
  const fill = ours ? COLORS[kind] : '#ffffff';
  return `<circle cx="${x}" cy="${y}" r="3.5" fill="${fill}" stroke="${COLORS[kind]}" stroke-width="1.5"/>`;
}

function logScale(from, to, low, high) {
  const span = Math.log(to / from) || 1;
  return (value) => round(low + ((high - low) * Math.log(value / from)) / span);
}

/** 0.1, 0.2, 0.5, 1, ... */
function ticksBetween(from, to) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to); power++) {
    for (const digit of [1, 2, 5]) ticks.push(Number(`${digit}e${power}`));
  }
  return ticks.filter((tick) => tick >= from && tick <= to);
}

const round = (value) => Math.round(value * 10) / 10;
const text = (x, y, content, attributes = '') => `<text x="${x}" y="${y}" ${attributes}>${content}</text>`;

module.exports = { plot };
