// Either version of the monitor, with a database that has the videos there were before the first cycle.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ScenarioOptions, Side } from '#demo/scenario.ts'
import { createMonitor, type Monitor } from '#demo/videos/after.ts'
import { monitorBefore, statusBefore } from '#demo/videos/before.ts'
import { openVideoDatabase, type VideoDatabase } from '#demo/videos/database.ts'
import { fillVideos } from '#demo/videos/world.ts'

/** `name` is the file's, which is made anew. Both are closed when `use` is done, or fails. */
export async function withMonitor<T>(
  name: string,
  side: Side,
  { scale, random, folder }: ScenarioOptions,
  use: (monitor: Monitor, database: VideoDatabase) => Promise<T>,
): Promise<T> {
  const file = join(folder, `${name}.db`)
  rmSync(file, { force: true })
  const database = openVideoDatabase({ file, scale, random })
  fillVideos(database.file)
  const monitor = side === 'before' ? asBefore(database) : createMonitor(database, scale)
  try {
    return await use(monitor, database)
  } finally {
    await monitor.close().finally(() => database.close())
  }
}

function asBefore(database: VideoDatabase): Monitor {
  return {
    run: (at) => monitorBefore(database, at),
    status: () => statusBefore(database),
    cache: { lookUps: 0, loads: 0 },
    close: async () => {},
  }
}
