import type { ClipResult } from '../api/types.js';
import { texts } from '../i18n/index.js';
import { colourOf, emotionName, percent, seconds } from '../state/emotions.js';

type Frames = NonNullable<ClipResult['frames']>;
type Segments = NonNullable<ClipResult['segments']>;

const HEIGHT = 100;

interface TimelineProps {
  frames: Frames;
  segments: Segments;
  duration: number;
  at: number;
  seek: (time: number) => void;
}

/** What is heard when: stretches of one emotion to click on, all scores as they come and go, and the changes as a list. */
export function Timeline({ frames, segments, duration, at, seek }: TimelineProps) {
  const { result: say } = texts.value;
  const isNow = ({ start, end }: { start: number; end: number }): boolean => at >= start && at < end;
  return (
    <div class="timeline">
      <div class="stretches" role="group" aria-label={say.timeline}>
        {segments.map((segment) => (
          <button
            type="button"
            key={segment.start}
            class={isNow(segment) ? 'now' : undefined}
            data-emotion={colourOf(segment.emotion)}
            style={{ flexGrow: segment.end - segment.start }}
            aria-label={say.segment(emotionName(segment.emotion), seconds(segment.start), seconds(segment.end))}
            title={`${emotionName(segment.emotion)}, ${percent(segment.confidence)}`}
            onClick={() => seek(segment.start)}
          >
            <span aria-hidden="true">{emotionName(segment.emotion)}</span>
          </button>
        ))}
      </div>
      <ScoreAreas frames={frames} duration={duration} />
      <h3>{say.segments}</h3>
      <ol class="changes">
        {segments.map((segment) => (
          <li key={segment.start} data-emotion={colourOf(segment.emotion)}>
            <button
              type="button"
              class={isNow(segment) ? 'now' : undefined}
              aria-current={isNow(segment) ? 'time' : undefined}
              onClick={() => seek(segment.start)}
            >
              <span class="time">{seconds(segment.start)}</span>
              <span class="dot" aria-hidden="true" />
              <span>{emotionName(segment.emotion)}</span>
              <span class="note">{percent(segment.confidence)}</span>
            </button>
          </li>
        ))}
      </ol>
    </div>
  );
}

/** The scores above each other, over time. A picture of the numbers that result.json has. */
function ScoreAreas({ frames, duration }: { frames: Frames; duration: number }) {
  const names = Object.keys(frames[0]?.scores ?? {});
  const points = frames.map(({ start, end, scores }) => ({ x: (100 * (start + end)) / 2 / duration, scores }));
  const edge = [{ ...points[0]!, x: 0 }, ...points, { ...points.at(-1)!, x: 100 }];
  const below = edge.map(() => 0);
  return (
    <svg class="areas" viewBox={`0 0 100 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {names.map((name) => {
        const lower = edge.map(({ x }, i) => `${x.toFixed(2)},${(HEIGHT * (1 - below[i]!)).toFixed(2)}`);
        edge.forEach(({ scores }, i) => (below[i]! += scores[name] ?? 0));
        const upper = edge.map(({ x }, i) => `${x.toFixed(2)},${(HEIGHT * (1 - below[i]!)).toFixed(2)}`);
        return <polygon key={name} data-emotion={colourOf(name)} points={[...upper, ...lower.reverse()].join(' ')} />;
      })}
    </svg>
  );
}
