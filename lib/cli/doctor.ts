import { findingsOf, isHealthy } from '../doctor/findings.js';
import { gatherFacts } from '../doctor/gather/gather.js';
import { reportText } from '../doctor/report.js';
import { EXIT } from './exit-status.js';

export interface DoctorFlags {
  json?: boolean;
  model?: string;
}

/** Width of the report in characters. */
const WIDTH = { min: 60, default: 80, max: 100 };

/** `emotion2vec doctor`: checks whether recognition works on this machine. Returns the exit status. */
export async function runDoctor({ json, model }: DoctorFlags): Promise<number> {
  const showsProgress = !json && process.stderr.isTTY;
  const showLine = (text: string): void => void process.stderr.write(`\r\x1b[K${text}`);
  const say = (step: string): void => showLine(`${step} ...`);
  const facts = await gatherFacts({ model, ...(showsProgress && { say }) });
  if (showsProgress) showLine('');
  const findings = findingsOf(facts);
  const ok = isHealthy(findings);
  if (json) {
    process.stdout.write(`${JSON.stringify({ ok, version: facts.version, findings }, undefined, 2)}\n`);
  } else {
    const { isTTY, columns } = process.stdout;
    const width = Math.min(WIDTH.max, Math.max(WIDTH.min, (isTTY ? columns : undefined) ?? WIDTH.default));
    process.stdout.write(reportText(findings, facts.version, { width, color: isTTY && !process.env.NO_COLOR }));
  }
  return ok ? EXIT.success : EXIT.failure;
}
