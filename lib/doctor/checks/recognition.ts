import { formatBytes } from '../../shared/bytes.js';
import { probeProblem, REPORT } from '../crash.js';
import type { Facts } from '../facts.js';
import type { Finding, Status } from '../finding.js';
import type { RecognitionReport } from '../probe/protocol.js';
import { formatMs } from '../text.js';
import { loadFailure } from './load-failure.js';

const FIX_ABOVE = 'Fix the problems above first.';

/** A recognition that does not work is an error on the CPU, and a warning on other devices. */
export function checkRecognitions(facts: Facts): Finding[] {
  return facts.recognitions.map(({ device, outcome }): Finding => {
    const bad: Status = device === 'cpu' ? 'error' : 'warning';
    const finding = { id: `recognition.${device}`, title: device === 'cpu' ? 'on the CPU' : `on ${device}` };
    const data: Record<string, unknown> = { end: outcome.end, ...outcome.report };
    const name = facts.models.find((model) => model.chosen)?.name ?? 'the model';
    const problem = probeProblem(outcome, facts);
    const { report } = outcome;
    if (isComplete(report)) {
      const wrong = wrongScores(report);
      if (wrong !== undefined) {
        const detail = `${name} returns ${wrong}`;
        return { ...finding, status: bad, kind: 'wrong-scores', detail, remedy: REPORT, data };
      }
      const works = worksText(report, name);
      if (problem === undefined || outcome.end === 'done') return { ...finding, status: 'ok', detail: works, data };
      // The recognition succeeded, but its process could not exit.
      const detail = `${works}; then it ${problem.what}`;
      const remedy = problem.remedy ?? REPORT;
      return { ...finding, status: 'warning', kind: outcome.end, detail, remedy, data: { ...data, problem } };
    }
    if (device === 'cpu' && loadFailure(facts) !== undefined) {
      const detail = 'not reached: libtorch and the addon do not load';
      return { ...finding, status: bad, kind: 'not-reached', detail, remedy: FIX_ABOVE, data };
    }
    const { what, remedy = outcome.end === 'skipped' ? FIX_ABOVE : REPORT } = problem!;
    const kind = outcome.end === 'done' ? 'failed' : outcome.end;
    return { ...finding, status: bad, kind, detail: what, remedy, data: { ...data, problem } };
  });
}

function worksText(report: RecognitionReport, name: string): string {
  const { libtorchMs, modelMs, clipMs, clipSeconds, peakBytes, device, precision, threads } = report;
  const cores = device === 'cpu' ? ` on ${threads} ${threads === 1 ? 'core' : 'cores'}` : '';
  const memory = device === 'cpu' ? 'memory' : "the computer's own memory";
  const ready = `${name} in ${precision} is ready in ${formatMs(libtorchMs + modelMs)}`;
  return `${ready}; ${clipSeconds} s of audio take ${formatMs(clipMs)}${cores} and at most ${formatBytes(peakBytes)} of ${memory}`;
}

/** Returns what would be wrong with scores of any clip; undefined if nothing is. */
function wrongScores({ scores }: RecognitionReport): string | undefined {
  const values = Object.values(scores);
  if (values.some((value) => value === null || !Number.isFinite(value))) return 'scores that are not numbers';
  const sum = values.reduce<number>((total, value) => total + value!, 0);
  return Math.abs(sum - 1) < 0.01 ? undefined : `scores whose sum is ${sum.toFixed(3)}`;
}

function isComplete(report: Partial<RecognitionReport>): report is RecognitionReport {
  return report.scores !== undefined;
}
