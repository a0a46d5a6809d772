import { accuracy, type Cell, confusionOf, mean, uar } from './metrics.js';

/** How people did on the same clips, from the `votes_...` columns of the labels file. */
export interface Listeners {
  /** Clips on which most votes went to one emotion. */
  clips: number;
  /** Clips on which several had as many. */
  ties: number;
  /** The share of the votes that the labels have. */
  vote: { accuracy: number };
  /** Their most frequent vote beside the labels. */
  plurality: { accuracy: number; uar: number };
  /** The model beside the labels, on these clips. */
  model: { accuracy: number; uar: number };
  /** How often the model says what most listeners said. */
  agreement: number;
}

interface Voted {
  truth: string;
  emotion: string;
  votes: Readonly<Record<string, number>> | undefined;
}

/** `undefined` where nobody voted. */
export function listenersOf(clips: readonly Voted[]): Listeners | undefined {
  const voted = clips.flatMap(({ truth, emotion, votes }) => (votes ? [{ truth, emotion, votes }] : []));
  const heard = voted.flatMap((clip) => {
    const most = plurality(clip.votes);
    return most === undefined ? [] : [{ ...clip, most }];
  });
  if (heard.length === 0) return undefined;
  const labels = [...new Set(heard.flatMap(({ truth, emotion, most }) => [truth, emotion, most]))];
  const against = (answers: readonly string[]) => {
    const cells = heard.map(({ truth }, i): Cell => [labels.indexOf(truth), labels.indexOf(answers[i]!)]);
    const matrix = confusionOf(labels.length, cells);
    return { accuracy: accuracy(matrix), uar: uar(matrix) };
  };
  return {
    clips: heard.length,
    ties: voted.length - heard.length,
    vote: { accuracy: mean(voted.map(({ truth, votes }) => (votes[truth] ?? 0) / total(votes))) },
    plurality: against(heard.map(({ most }) => most)),
    model: against(heard.map(({ emotion }) => emotion)),
    agreement: mean(heard.map(({ emotion, most }) => Number(emotion === most))),
  };
}

function plurality(votes: Readonly<Record<string, number>>): string | undefined {
  const [first, second] = Object.entries(votes).sort((a, b) => b[1] - a[1]);
  return first?.[1] === second?.[1] ? undefined : first?.[0];
}

function total(votes: Readonly<Record<string, number>>): number {
  return Object.values(votes).reduce((all, count) => all + count, 0);
}
