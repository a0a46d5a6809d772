/** Formats a number of bytes as `649 MB` or `1.2 GB`, in decimal units, which disks and download pages also use. */
export function formatBytes(bytes: number): string {
  return bytes < 999.5e6 ? `${(bytes / 1e6).toFixed(bytes < 9.95e6 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
