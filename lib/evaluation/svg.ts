/** Elements of SVG figures. Figures load no fonts or styles, and their colors follow the reader's light or dark theme. */

/** Uses classes instead of custom properties, which some viewers do not support. */
const STYLE = `
  text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; font-size: 12px }
  .paper { fill: #ffffff }
  .ink { fill: #1f2328 }
  .soft { fill: #636c76 }
  .title { font-size: 16px; font-weight: 600 }
  .small { font-size: 11px }
  .axis { stroke: #8c959f; fill: none }
  .grid { stroke: #d8dee4; fill: none }
  .dash { stroke: #8c959f; stroke-dasharray: 4 4; fill: none }
  .ideal { stroke: #1f2328; stroke-dasharray: 5 4; stroke-width: 1.5; fill: none }
  .bar { fill: #2f6fb7 }
  .cell { fill: #1f5fa8 }
  .line { stroke: #2f6fb7; stroke-width: 2; fill: none }
  .other { stroke: #bf6a02; stroke-width: 1.5; fill: none }
  .dot { fill: #bf6a02 }
  .faint { fill: #afb8c1 }
  .strong { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 }
    .ink { fill: #e6edf3 }
    .soft { fill: #9198a1 }
    .axis, .dash { stroke: #656c76 }
    .grid { stroke: #2a313c }
    .ideal { stroke: #e6edf3 }
    .bar { fill: #4c93e0 }
    .cell { fill: #3b7dcb }
    .line { stroke: #4c93e0 }
    .other { stroke: #e0913a }
    .dot { fill: #e0913a }
    .faint { fill: #4d5560 }
  }`;

/** Creates a figure with a title, which screen readers also announce. */
export function figure(width: number, height: number, title: string, subtitle: string, parts: string[]): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="paper" width="${w}" height="${h}"/>`,
    text(24, 32, title, 'ink title'),
    text(24, 52, subtitle, 'soft'),
    ...parts,
    '</svg>\n',
  ].join('\n');
}

type Anchor = 'start' | 'middle' | 'end';

export function text(x: number, y: number, content: string, style = 'ink', anchor: Anchor = 'start'): string {
  const at = `x="${round(x)}" y="${round(y)}"`;
  return `<text ${at} class="${style}"${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}>${escape(content)}</text>`;
}

/** Text that is rotated by 90 degrees and reads from bottom to top. */
export function verticalText(x: number, y: number, content: string): string {
  return `<g transform="translate(${round(x)} ${round(y)}) rotate(-90)">${text(0, 0, content, 'soft', 'middle')}</g>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<line class="${style}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

export function rect(x: number, y: number, width: number, height: number, style: string, attributes = ''): string {
  const size = `width="${round(width)}" height="${round(height)}"`;
  return `<rect class="${style}" x="${round(x)}" y="${round(y)}" ${size}${attributes}/>`;
}

export function dot(x: number, y: number, style: string): string {
  return `<circle class="${style}" cx="${round(x)}" cy="${round(y)}" r="3"/>`;
}

export function polyline(points: readonly (readonly [number, number])[], style: string): string {
  return `<polyline class="${style}" points="${points.map(([x, y]) => `${round(x)},${round(y)}`).join(' ')}"/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Names come from archives and may contain any characters. XML allows no control characters, not even escaped ones. */
function escape(content: string): string {
  const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' } as const;
  return content.replace(/\p{Cc}/gu, ' ').replace(/[&<>"]/g, (character) => entities[character as '&']);
}
