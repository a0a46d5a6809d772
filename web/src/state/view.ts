/** Scrolls to a panel that is outside the upper half of the window. On a phone, results are below the controls. */
export function bringIntoView(id: string): void {
  requestAnimationFrame(() => {
    const panel = document.getElementById(id);
    if (panel === null) return;
    const { top } = panel.getBoundingClientRect();
    const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (top < 0 || top > window.innerHeight / 2) {
      panel.scrollIntoView({ block: 'start', behavior: reducedMotion ? 'auto' : 'smooth' });
    }
  });
}
