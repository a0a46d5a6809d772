import { useEffect, useState } from 'preact/hooks';

import { failureOf, file, getBytes } from '../api/client.js';
import type { ClipResult } from '../api/types.js';
import { cosine, meanVector, readNpy } from '../audio/npy.js';
import { texts } from '../i18n/index.js';
import { emotionName } from '../state/emotions.js';
import { wordsFor } from '../state/failure.js';
import { results } from '../state/history.js';

/** Feature vectors by result: they do not change. */
const vectors = new Map<string, Promise<Float32Array>>();

function vectorOf(id: string): Promise<Float32Array> {
  let vector = vectors.get(id);
  if (vector === undefined) {
    vector = getBytes(file(id, 'embedding.npy')).then((bytes) => meanVector(readNpy(bytes)));
    vector.catch(() => vectors.delete(id));
    vectors.set(id, vector);
  }
  return vector;
}

/** How alike the shown clip is to another one whose feature vector was kept. */
export function Similarity({ result }: { result: ClipResult }) {
  const { similarity: say } = texts.value;
  const [wanted, setOther] = useState('');
  const [value, setValue] = useState<number>();
  const [problem, setProblem] = useState('');
  const { id } = result;
  const own = id !== null && result.links?.embedding !== undefined ? id : undefined;
  const others = results.value.filter((entry) => entry.hasEmbedding && entry.id !== own);
  const other = others.some((entry) => entry.id === wanted) ? wanted : ''; // it may be gone

  useEffect(() => {
    let gone = false;
    setValue(undefined);
    setProblem('');
    if (own === undefined || other === '') return;
    Promise.all([vectorOf(own), vectorOf(other)]).then(
      ([a, b]) => {
        if (gone) return;
        if (a.length === b.length) setValue(cosine(a, b));
        else setProblem(texts.value.similarity.otherModel);
      },
      (error: unknown) => {
        if (!gone) setProblem(wordsFor(failureOf(error)));
      },
    );
    return () => {
      gone = true;
    };
  }, [own, other]);

  if (own === undefined) return null;
  return (
    <div class="similarity">
      <h3>{say.heading}</h3>
      {others.length === 0 ? (
        <p class="note">{say.none}</p>
      ) : (
        <>
          <label>
            <span>{say.with}</span>
            <select value={other} onChange={(event) => setOther(event.currentTarget.value)}>
              <option value="">{say.choose}</option>
              {others.map((entry) => (
                <option key={entry.id} value={entry.id}>
                  {say.option(entry.file, emotionName(entry.emotion))}
                </option>
              ))}
            </select>
          </label>
          {value !== undefined && (
            <p class="similarity-value">
              <meter min={0} max={1} value={Math.max(0, value)} aria-label={say.value(value.toFixed(3))} />
              <strong>{value.toFixed(3)}</strong>
            </p>
          )}
          <p class="note" role="status">
            {problem || say.note}
          </p>
        </>
      )}
    </div>
  );
}
