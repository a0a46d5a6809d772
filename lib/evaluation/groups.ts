import { groupBy } from './group-by.js';

/** Columns that clips are grouped by if the user does not choose any. */
export const DEFAULT_GROUPS = ['speaker', 'sex', 'gender', 'age', 'language', 'corpus', 'level'];

export interface GroupScores {
  clips: number;
  accuracy: number;
  uar: number;
}

export interface GroupTable {
  column: string;
  values: ({ value: string } & GroupScores)[];
}

/** Upper bounds of the age bins. The last bin is open. */
const AGE_BOUNDS = [17, 29, 44, 59];

/** Groups clips by the value of a column and scores each group. Values are in natural order (9 before 10). */
export function groupsOf<C extends { columns: Readonly<Record<string, string>> }>(
  clips: readonly C[],
  column: string,
  score: (group: readonly C[]) => GroupScores,
): GroupTable {
  const valueOf = ({ columns }: C): string => columns[column] ?? '';
  const ages = column === 'age' && clips.every((clip) => Number.isFinite(Number(valueOf(clip))));
  const groups = groupBy(clips, (clip) => {
    const value = valueOf(clip);
    return ages && value !== '' ? ageBin(Number(value)) : value;
  });
  const values = [...groups]
    .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([value, group]) => ({ value, ...score(group) }));
  return { column, values };
}

export function ageBin(age: number): string {
  const bin = AGE_BOUNDS.findIndex((bound) => Math.floor(age) <= bound);
  return bin < 0 ? '60+' : `${bin === 0 ? 0 : AGE_BOUNDS[bin - 1]! + 1}-${AGE_BOUNDS[bin]}`;
}
