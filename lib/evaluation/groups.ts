import { groupBy } from './group-by.js';

/** Columns that clips are grouped by unless the user says otherwise. */
export const GROUPS = ['speaker', 'sex', 'gender', 'age', 'language', 'corpus', 'level'];

export interface GroupScores {
  clips: number;
  accuracy: number;
  uar: number;
}

export interface GroupTable {
  column: string;
  values: ({ value: string } & GroupScores)[];
}

/** Upper ends of the age bins, the last one open. */
const AGES = [17, 29, 44, 59];

/** Clips by what a column says of them, in the values' natural order. */
export function groupsOf<C extends { columns: Readonly<Record<string, string>> }>(
  clips: readonly C[],
  column: string,
  score: (members: readonly C[]) => GroupScores,
): GroupTable {
  const valueOf = ({ columns }: C): string => columns[column] ?? '';
  const ages = column === 'age' && clips.every((clip) => Number.isFinite(Number(valueOf(clip))));
  const members = groupBy(clips, (clip) => {
    const value = valueOf(clip);
    return ages && value !== '' ? ageBin(Number(value)) : value;
  });
  const values = [...members]
    .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([value, inside]) => ({ value, ...score(inside) }));
  return { column, values };
}

export function ageBin(age: number): string {
  const bin = AGES.findIndex((end) => Math.floor(age) <= end);
  return bin < 0 ? '60+' : `${bin === 0 ? 0 : AGES[bin - 1]! + 1}-${AGES[bin]}`;
}
