import { accuracy, type Cell, confusionOf, mean, sum, uar } from './metrics.js';

/** How well annotators did on the same clips, from the `votes_...` columns of the labels file. */
export interface Annotators {
  /** Number of clips for which one emotion has the most votes. */
  clips: number;
  /** Number of clips without such an emotion, which only `vote` takes into account. */
  ties: number;
  /** Single votes: the mean share of the votes of a clip that agree with its label. */
  vote: { accuracy: number };
  /** The emotion with the most votes, evaluated against the labels. */
  plurality: { accuracy: number; uar: number };
  /** The model, evaluated against the labels on these clips. */
  model: { accuracy: number; uar: number };
  /** Share of these clips on which the model agrees with the plurality. */
  agreement: number;
}

interface VotedClip {
  truth: string;
  emotion: string;
  votes: Readonly<Record<string, number>> | undefined;
}

/** Returns `undefined` if no clip has a plurality of votes. */
export function annotatorsOf(clips: readonly VotedClip[]): Annotators | undefined {
  const voted = clips.flatMap(({ truth, emotion, votes }) => (votes ? [{ truth, emotion, votes }] : []));
  const decided = voted.flatMap((clip) => {
    const plurality = pluralityOf(clip.votes);
    return plurality === undefined ? [] : [{ ...clip, plurality }];
  });
  if (decided.length === 0) return undefined;
  const labels = [...new Set(decided.flatMap(({ truth, emotion, plurality }) => [truth, emotion, plurality]))];
  const scoresOf = (predictions: readonly string[]) => {
    const cells = decided.map(({ truth }, i): Cell => [labels.indexOf(truth), labels.indexOf(predictions[i]!)]);
    const matrix = confusionOf(labels.length, cells);
    return { accuracy: accuracy(matrix), uar: uar(matrix) };
  };
  return {
    clips: decided.length,
    ties: voted.length - decided.length,
    vote: { accuracy: mean(voted.map(({ truth, votes }) => (votes[truth] ?? 0) / sum(Object.values(votes)))) },
    plurality: scoresOf(decided.map(({ plurality }) => plurality)),
    model: scoresOf(decided.map(({ emotion }) => emotion)),
    agreement: mean(decided.map(({ emotion, plurality }) => Number(emotion === plurality))),
  };
}

/** Returns the emotion with the most votes, or `undefined` if several share the first place. */
function pluralityOf(votes: Readonly<Record<string, number>>): string | undefined {
  const [first, second] = Object.entries(votes).sort((a, b) => b[1] - a[1]);
  return first?.[1] === second?.[1] ? undefined : first?.[0];
}
