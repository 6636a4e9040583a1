// Whether there is a ClickHouse, which one, and what it holds.

import { type Finding, fault, good } from '#cli/checks/finding.ts'
import { count } from '#cli/output.ts'
import { ourCommand } from '#cli/version.ts'
import { formatDuration } from '#model/durations.ts'
import { messageOf } from '#model/errors.ts'
import { formatSize } from '#model/sizes.ts'
import { type Database, openDatabase } from '#storage/client.ts'
import { engineInstalled } from '#storage/engine/engine.ts'
import { isOlder, MINIMUM_VERSION, pendingMigrations } from '#storage/migrate.ts'
import { readOverview } from '#storage/overview.ts'
import type { Server } from '#storage/server.ts'

export async function checkEnginePackage(): Promise<Finding> {
  return (await engineInstalled())
    ? good('engine', 'the npm package chdb is installed')
    : fault('engine', 'the npm package chdb is not installed', 'install it (npm install chdb), or set clickhouse.url')
}

/** `server` is null when there should be an embedded one and is not; `now` is epoch milliseconds. */
export async function checkClickHouse(server: Server | null, database: string, now: number): Promise<Finding[]> {
  if (server === null)
    return [fault('ClickHouse', 'the embedded engine is not running', `start it with '${ourCommand()} up'`)]
  const db = openDatabase(server, database)
  try {
    const { version, spans, bytes: size, parts, lastCycleAt } = await readOverview(db)
    const last = lastCycleAt === null ? 'no cycle yet' : `last cycle ${ago(now - lastCycleAt)}`
    return [
      isOlder(version, MINIMUM_VERSION)
        ? fault('ClickHouse', `${version} at ${server.url}`, `update it to ${MINIMUM_VERSION} or newer`)
        : good('ClickHouse', `${version} at ${server.url}`),
      await checkSchema(db),
      good('stored', `${count(spans)} spans, ${formatSize(size)} in ${count(parts)} parts, ${last}`),
    ]
  } catch (error) {
    return [
      fault(
        'ClickHouse',
        messageOf(error),
        `start Cyclewatch with '${ourCommand()} up', or check clickhouse.url, user and password`,
      ),
    ]
  } finally {
    await db.close()
  }
}

async function checkSchema(db: Database): Promise<Finding> {
  const pending = await pendingMigrations(db)
  return pending.length === 0
    ? good('schema', 'up to date')
    : fault('schema', `${pending.map(({ name }) => name).join(', ')} not applied`, `run '${ourCommand()} migrate'`)
}

function ago(ms: number): string {
  return ms < 0 ? `${formatDuration(-ms)} in the future: check the clocks of your hosts` : `${formatDuration(ms)} ago`
}
