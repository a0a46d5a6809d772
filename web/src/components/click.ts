/** Ignores the second click of a double click: another control may be under the pointer by then. */
export function firstClick(handler: () => void): (event: MouseEvent) => void {
  return ({ detail }) => {
    if (detail <= 1) handler();
  };
}
