/** The bounds of verdicts and concerns about a rater: crowd judges by them, and pages say them beside the figures. */
export const raterBounds = {
  /** answers; fewer say nothing of a person */
  enough: 25,
  /** answers; fewer say nothing of a side or of the speed */
  named: 10,
  /** careless: even the upper end of the interval is under this much of the way from guessing to always right */
  careless: 0.24,
  /** characters a second: nobody reads faster */
  readPerSecond: 120,
  /** seconds: nobody answers faster, however little there is to read */
  leastSeconds: 1,
  /** too fast: surely more of the answers than this come faster than can be read; careless: than the second */
  fast: 0.05,
  mostlyFast: 0.5,
  /** takes the left or the right: surely further than this from one half; careless: than the second */
  side: 0.05,
  mostlySide: 0.35,
  /** right on known answers, surely less often than this */
  gold: 0.7,
  /** copies: surely more of the texts than this */
  copied: 0.05,
} as const;
