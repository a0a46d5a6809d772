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
  const given = clips.map(({ columns }) => columns[column] ?? '');
  const ages = column === 'age' && given.every((value) => value === '' || Number.isFinite(Number(value)));
  const members = new Map<string, C[]>();
  clips.forEach((clip, i) => {
    const value = ages && given[i] !== '' ? ageBin(Number(given[i])) : given[i]!;
    const others = members.get(value);
    if (others === undefined) members.set(value, [clip]);
    else others.push(clip);
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
