/** The largest of however many there are, `least` of none: `Math.max(...values)` has no more than what the stack holds. */
export function largest(values: Iterable<number>, least = -Infinity): number {
  let most = least;
  for (const value of values) most = Math.max(most, value);
  return most;
}
