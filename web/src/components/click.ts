/** Heeds the first of clicks in quick succession: after it, something else may lie under the pointer. */
export function firstClick(handler: () => void): (event: MouseEvent) => void {
  return ({ detail }) => {
    if (detail <= 1) handler();
  };
}
