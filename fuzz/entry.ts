/** Entry point of the fuzzer, called with each input. The environment variable FUZZ_TARGET selects the target. Findings are thrown. */
import { type FuzzTarget, loadTarget, MEMORY_LIMIT, tryInput } from './target.js';

const name = process.env.FUZZ_TARGET!;
let target: FuzzTarget | undefined;

export async function fuzz(data: Buffer): Promise<void> {
  target ??= await loadTarget(name);
  await tryInput(target, data);
  const bytes = process.resourceUsage().maxRSS * 1024;
  if (bytes > MEMORY_LIMIT) throw new Error(`the process took ${Math.round(bytes / 2 ** 20)} MB`);
}
