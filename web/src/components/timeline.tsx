import { type ReadonlySignal, type Signal, useComputed, useSignalEffect } from '@preact/signals';

import type { ClipResult } from '../api/types.js';
import { texts } from '../i18n/index.js';
import { colorOf, emotionName } from '../state/emotions.js';
import { formatPercent, formatSeconds } from '../state/format.js';
import { useRoving } from './roving.js';
import { ScoreAreas } from './score-areas.js';

type Segment = NonNullable<ClipResult['segments']>[number];

interface SegmentsProps {
  segments: readonly Segment[];
  duration: number;
  /** Index of the segment that is being played. */
  current: ReadonlySignal<number>;
  seek: (time: number) => void;
}

interface TimelineProps extends SegmentsProps {
  frames: NonNullable<ClipResult['frames']>;
}

/** The timeline: a bar of segments to click on, the scores over time, and the segments as a list. */
export function Timeline({ frames, ...props }: TimelineProps) {
  return (
    <div class="timeline">
      <SegmentBar {...props} />
      <ScoreAreas frames={frames} duration={props.duration} />
      <h3>{texts.value.result.segments}</h3>
      <SegmentList {...props} />
    </div>
  );
}

function SegmentBar(props: SegmentsProps) {
  const { list, stop, onKeyDown } = useRoving<HTMLDivElement>(props.current);
  return (
    <div class="segment-bar" role="toolbar" aria-label={texts.value.result.timeline} ref={list} onKeyDown={onKeyDown}>
      {props.segments.map((segment, index) => (
        <BarSegment key={index} {...props} segment={segment} index={index} stop={stop} />
      ))}
    </div>
  );
}

function SegmentList(props: SegmentsProps) {
  const { list, stop, onKeyDown } = useRoving<HTMLOListElement>(props.current);
  useSignalEffect(() => reveal(list.current, props.current.value));
  return (
    <ol class="segment-list" ref={list} onKeyDown={onKeyDown}>
      {props.segments.map((segment, index) => (
        <ListSegment key={index} {...props} segment={segment} index={index} stop={stop} />
      ))}
    </ol>
  );
}

interface EntryProps extends SegmentsProps {
  segment: Segment;
  index: number;
  stop: Signal<number>;
}

/**
 * The state of a segment in either list. The values are computed signals, so that only the two segments that change are rendered
 * again when the current segment changes or the status is refreshed.
 */
function useEntry({ segment, index, current, stop, seek }: EntryProps) {
  const name = useComputed(() => emotionName(segment.emotion));
  const isCurrent = useComputed(() => current.value === index);
  const isStop = useComputed(() => stop.value === index);
  return {
    name: name.value,
    button: {
      type: 'button',
      tabIndex: isStop.value ? 0 : -1,
      'aria-current': isCurrent.value ? 'time' : undefined,
      onFocus: () => (stop.value = index),
      onClick: () => seek(segment.start),
    },
  } as const;
}

function BarSegment(props: EntryProps) {
  const { name, button } = useEntry(props);
  const { segment, duration } = props;
  const [from, to] = [segment.start, segment.end].map((time) => Math.min(100, (100 * time) / duration)) as [
    number,
    number,
  ];
  return (
    <button
      {...button}
      data-emotion={colorOf(segment.emotion)}
      style={{ left: `${from}%`, width: `${to - from}%` }}
      aria-label={texts.value.result.segment(name, formatSeconds(segment.start), formatSeconds(segment.end))}
      title={`${name}, ${formatPercent(segment.confidence)}`}
    >
      <span class="bar-segment" aria-hidden="true">
        <span>{name}</span>
      </span>
    </button>
  );
}

function ListSegment(props: EntryProps) {
  const { name, button } = useEntry(props);
  const { segment } = props;
  return (
    <li data-emotion={colorOf(segment.emotion)}>
      <button {...button}>
        <span class="time">{formatSeconds(segment.start)}</span>
        <span class="dot" aria-hidden="true" />
        <span>{name}</span>
        <span class="note">{formatPercent(segment.confidence)}</span>
      </button>
    </li>
  );
}

/** Scrolls the list to one of its entries. `scrollIntoView` would scroll the page too. */
function reveal(list: HTMLElement | null, index: number): void {
  const entry = list?.children[index];
  if (list === null || !(entry instanceof HTMLElement)) return;
  const { offsetTop: above, offsetHeight: height } = entry;
  const top = Math.min(Math.max(list.scrollTop, above + height - list.clientHeight), above);
  const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)').matches;
  list.scrollTo({ top, behavior: reducedMotion ? 'auto' : 'smooth' });
}
