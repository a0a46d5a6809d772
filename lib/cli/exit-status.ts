/** Exit statuses of the command line tool. */
export const EXIT = {
  success: 0,
  /** Something failed: at least one clip, or the whole command. */
  failure: 1,
  /** The command line itself is invalid. */
  usage: 2,
} as const;
