/** Scrolls to a panel that is out of sight or far down: on a phone, what happens lies below what asked for it. */
export function bringIntoView(id: string): void {
  requestAnimationFrame(() => {
    const panel = document.getElementById(id);
    if (panel === null) return;
    const { top } = panel.getBoundingClientRect();
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (top < 0 || top > window.innerHeight / 2) {
      panel.scrollIntoView({ block: 'start', behavior: calm ? 'auto' : 'smooth' });
    }
  });
}
