import { gatherFacts } from '../doctor/gather/gather.js';
import { findingsOf, isHealthy } from '../doctor/findings.js';
import { reportText } from '../doctor/report.js';
import { EXIT } from './exit-status.js';

export interface DoctorFlags {
  json?: boolean;
  model?: string;
}

/** `emotion2vec doctor`: checks whether recognition works on this machine. Returns the exit status. */
export async function runDoctor({ json, model }: DoctorFlags): Promise<number> {
  const watched = !json && process.stderr.isTTY;
  const say = (what: string): void => void process.stderr.write(`\r\x1b[K${what}`);
  const facts = await gatherFacts({ model, ...(watched && { say: (what: string) => say(`${what} ...`) }) });
  if (watched) say('');
  const findings = findingsOf(facts);
  const ok = isHealthy(findings);
  if (json) {
    process.stdout.write(`${JSON.stringify({ ok, version: facts.version, findings }, undefined, 2)}\n`);
  } else {
    const { isTTY, columns } = process.stdout;
    const width = Math.min(100, Math.max(60, (isTTY ? columns : undefined) ?? 80));
    process.stdout.write(reportText(findings, facts.version, { width, colour: isTTY && !process.env.NO_COLOR }));
  }
  return ok ? EXIT.success : EXIT.failure;
}
