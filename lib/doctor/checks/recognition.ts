import { formatBytes } from '../../shared/bytes.js';
import { probeProblem, REPORT } from '../crash.js';
import type { Facts } from '../facts.js';
import type { Finding, Status } from '../finding.js';
import type { RecognitionReport } from '../probe/protocol.js';
import { timeText } from '../text.js';
import { loadFailure } from './software.js';

const MEND_ABOVE = 'First mend what is told above.';

/** Where it works on the CPU, the doctor is content; what else does not work is a warning. */
export function checkRecognitions(facts: Facts): Finding[] {
  return facts.recognitions.map(({ device, outcome }) => {
    const bad: Status = device === 'cpu' ? 'error' : 'warning';
    const finding = { id: `recognition.${device}`, title: device === 'cpu' ? 'on the CPU' : `on ${device}` };
    const data: Record<string, unknown> = { end: outcome.end, ...outcome.report };
    const name = facts.models.find((model) => model.chosen)?.name;
    const problem = probeProblem(outcome, facts);
    const { report } = outcome;
    if (isWhole(report)) {
      const strange = strangeScores(report);
      if (strange !== undefined) {
        return { ...finding, status: bad, detail: `${name} answers ${strange}`, remedy: REPORT, data };
      }
      const works = worksText(report, name ?? 'the model');
      if (problem === undefined) return { ...finding, status: 'ok', detail: works, data };
      // It had recognised, and could not end.
      const remedy = problem.remedy ?? REPORT;
      return { ...finding, status: 'warning', detail: `${works}; then it ${problem.what}`, remedy, data };
    }
    if (device === 'cpu' && loadFailure(facts) !== undefined) {
      const detail = 'not reached: libtorch and the addon do not load';
      return { ...finding, status: bad, detail, remedy: MEND_ABOVE, data };
    }
    const remedy = problem!.remedy ?? (outcome.end === 'skipped' ? MEND_ABOVE : REPORT);
    return { ...finding, status: bad, detail: problem!.what, remedy, data: { ...data, problem } };
  });
}

function worksText(report: RecognitionReport, name: string): string {
  const { libtorchMs, modelMs, clipMs, clipSeconds, peakBytes, device, precision, threads } = report;
  const cores = device === 'cpu' ? ` on ${threads} ${threads === 1 ? 'core' : 'cores'}` : '';
  const memory = device === 'cpu' ? 'memory' : "the computer's own memory";
  const ready = `${name} in ${precision} is ready in ${timeText(libtorchMs + modelMs)}`;
  return `${ready}; ${clipSeconds} s of audio take ${timeText(clipMs)}${cores}, ${formatBytes(peakBytes)} of ${memory} at most`;
}

/** What is wrong with the answer, in itself. */
function strangeScores({ scores }: RecognitionReport): string | undefined {
  const values = Object.values(scores);
  if (values.some((value) => value === null || !Number.isFinite(value))) return 'what is no number';
  const sum = values.reduce<number>((total, value) => total + value!, 0);
  return Math.abs(sum - 1) < 0.01 ? undefined : `scores whose sum is ${sum.toFixed(3)}`;
}

function isWhole(report: Partial<RecognitionReport>): report is RecognitionReport {
  return report.scores !== undefined;
}
