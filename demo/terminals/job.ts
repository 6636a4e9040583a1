// What the job is given, before as after.

import type { TerminalDatabase } from '#demo/terminals/database.ts'

/** `upstream` without a slash at the end; all times are divided by `scale`. */
export type TerminalJob = { upstream: string; database: TerminalDatabase; scale: number; signal: AbortSignal }
