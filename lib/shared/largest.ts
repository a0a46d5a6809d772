/**
 * Returns the largest of any number of values, or `initial` if it is larger. `Math.max(...values)` overflows the stack with many
 * values.
 */
export function largest(values: Iterable<number>, initial = -Infinity): number {
  let max = initial;
  for (const value of values) max = Math.max(max, value);
  return max;
}
