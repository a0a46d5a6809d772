/** Untrusted checkpoints, which must be refused quickly and with a short message. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { importCheckpoint } from '../../lib/checkpoint/import.js';
import { EmotionError } from '../../lib/index.js';
import { LABELS } from './tiny.js';

export interface ImportFolder extends Disposable {
  folder: string;
  /** The checkpoint. */
  source: string;
  /** The archive. */
  out: string;
  /** Asserts that the import rejects with such a code. */
  refused: (what: string, code?: RegExp, from?: string) => Promise<void>;
}

/** Creates a folder with labels for a checkpoint. */
export function importFolder(): ImportFolder {
  const folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-hostile-'));
  const [source, out] = [path.join(folder, 'model.pt'), path.join(folder, 'out.pt')];
  writeFileSync(path.join(folder, 'tokens.txt'), LABELS.join('\n'));
  const refused = async (what: string, code = /^ERR_CHECKPOINT$/, from = source): Promise<void> => {
    await assert.rejects(importCheckpoint(from, out), (error) => {
      assert.ok(error instanceof EmotionError, `${what}: ${String(error).slice(0, 500)}`);
      assert.match(error.code, code, `${what}: ${error.message}`);
      assert.ok(error.what.length < 450, `${what}: ${error.what}`);
      return true;
    });
  };
  return { folder, source, out, refused, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
