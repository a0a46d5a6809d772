import type { JSX } from 'preact';

const PATHS = {
  microphone: 'M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3ZM5 11a7 7 0 0 0 14 0M12 18v3',
  stop: 'M7 7h10v10H7z',
  file: 'M14 3H7a2 2 0 0 0-2 2v14a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8zM14 3v5h5',
  spark: 'M12 3v5M12 16v5M3 12h5M16 12h5M6 6l3 3M15 15l3 3M18 6l-3 3M9 15l-3 3',
  play: 'M8 5v14l11-7z',
  pause: 'M8 5v14M16 5v14',
  close: 'M6 6l12 12M18 6 6 18',
  bin: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v6M14 11v6',
  download: 'M12 4v11M7 10l5 5 5-5M5 20h14',
  up: 'M7 14l5-5 5 5',
  down: 'M7 10l5 5 5-5',
  wave: 'M4 11v2M8 7v10M12 4v16M16 8v8M20 11v2',
  warning: 'M12 4 2.5 20h19zM12 10v5M12 17.5v.5',
} as const;
export type IconName = keyof typeof PATHS;

const SOLID: ReadonlySet<IconName> = new Set(['stop', 'play']);

/** Icons are decoration. The text or the label of a control says what it does. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class={`icon${SOLID.has(name) ? ' solid' : ''}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
