import { useEffect, useState } from 'preact/hooks';

import { failureOf, file, getBytes } from '../api/client.js';
import type { ClipResult } from '../api/types.js';
import { cosine, meanVector, readNpy } from '../audio/npy.js';
import { texts } from '../i18n/index.js';
import { emotionName } from '../state/emotions.js';
import { failureText } from '../state/failure.js';
import { results } from '../state/history.js';

/** Cache of embeddings by result. They do not change. */
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

/** Compares the embedding of the shown clip with that of another one. */
export function Similarity({ result }: { result: ClipResult }) {
  const { similarity: text } = texts.value;
  const [selected, setOther] = useState('');
  const [value, setValue] = useState<number>();
  const [problem, setProblem] = useState('');
  const { id } = result;
  const own = id !== null && result.links?.embedding !== undefined ? id : undefined;
  const others = results.value.filter((entry) => entry.hasEmbedding && entry.id !== own);
  const other = others.some((entry) => entry.id === selected) ? selected : ''; // it may have been deleted

  useEffect(() => {
    let unmounted = false;
    setValue(undefined);
    setProblem('');
    if (own === undefined || other === '') return;
    Promise.all([vectorOf(own), vectorOf(other)]).then(
      ([a, b]) => {
        if (unmounted) return;
        if (a.length === b.length) setValue(cosine(a, b));
        else setProblem(texts.value.similarity.otherModel);
      },
      (error: unknown) => {
        if (!unmounted) setProblem(failureText(failureOf(error)));
      },
    );
    return () => {
      unmounted = true;
    };
  }, [own, other]);

  if (own === undefined) return null;
  return (
    <div class="similarity">
      <h3>{text.heading}</h3>
      {others.length === 0 ? (
        <p class="note">{text.none}</p>
      ) : (
        <>
          <label>
            <span>{text.with}</span>
            <select value={other} onChange={(event) => setOther(event.currentTarget.value)}>
              <option value="">{text.choose}</option>
              {others.map((entry) => (
                <option key={entry.id} value={entry.id}>
                  {text.option(entry.file, emotionName(entry.emotion))}
                </option>
              ))}
            </select>
          </label>
          {value !== undefined && (
            <p class="similarity-value">
              <meter min={0} max={1} value={Math.max(0, value)} aria-label={text.value(value.toFixed(3))} />
              <strong>{value.toFixed(3)}</strong>
            </p>
          )}
          <p class="note" role="status">
            {problem || text.note}
          </p>
        </>
      )}
    </div>
  );
}
