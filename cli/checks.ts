// What doctor looks at: each check says what it found, and when that is a fault, what to do.

import { access, constants, statfs } from 'node:fs/promises'
import { errorAnswer, healthAnswer } from '#api/schemas.ts'
import { formatDuration } from '#model/durations.ts'
import { messageOf } from '#model/errors.ts'
import { type Listen, listenUrl } from '#model/listen.ts'
import { type Database, openDatabase } from '#storage/client.ts'
import { engineInstalled, runningEngine } from '#storage/engine/engine.ts'
import { isOlder, MINIMUM_VERSION, pendingMigrations } from '#storage/migrate.ts'
import { readOverview } from '#storage/overview.ts'
import type { Server } from '#storage/server.ts'
import { configuredServer, type LoadedConfig } from './config.ts'
import { count } from './output.ts'
import { ourCommand } from './version.ts'

/** `todo` is the next step for a person; only faults have one. */
export type Finding = { check: string } & (
  | { state: 'good'; says: string }
  | { state: 'fault'; says: string; todo: string }
)

const good = (check: string, says: string): Finding => ({ check, state: 'good', says })
const fault = (check: string, says: string, todo: string): Finding => ({ check, state: 'fault', says, todo })

/** Looks at everything, at the API where `url` says if it does; `now` is epoch milliseconds. Finds, never throws. */
export async function examine(
  { file, config }: LoadedConfig,
  url: string | undefined,
  now: number,
): Promise<Finding[]> {
  const configured = configuredServer(config)
  return [
    good('configuration', file ?? 'no cyclewatch.yaml, all defaults'),
    good('Node', process.versions.node),
    ...(configured === null ? [await checkEnginePackage(), await checkDisk(config.data)] : []),
    ...(await checkClickHouse(configured ?? runningEngine(config.data), config.clickhouse.database, now)),
    await checkAnswer('ingest', addressOf(config.ingest.listen), '/v1/traces', judgeIngest),
    await checkAnswer('API', url ?? addressOf(config.api.listen), '/readyz', judgeApi),
  ]
}

async function checkEnginePackage(): Promise<Finding> {
  return (await engineInstalled())
    ? good('engine', 'the npm package chdb is installed')
    : fault('engine', 'the npm package chdb is not installed', 'install it (npm install chdb), or set clickhouse.url')
}

/** ClickHouse needs room to merge what it has; below this it starts to fail. */
const LEAST_FREE_BYTES = 2e9

function writable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  )
}

async function checkDisk(data: string): Promise<Finding> {
  const disk = await statfs(data).catch(() => null)
  if (disk === null) return good('data folder', `${data} does not exist yet; the first start makes it`)
  const free = disk.bavail * disk.bsize
  if (!(await writable(data))) return fault('data folder', `${data} cannot be written`, 'set data to another folder')
  const says = `${data} has ${bytes(free)} free`
  return free < LEAST_FREE_BYTES
    ? fault('data folder', says, `free some space, or set data to a folder with more than ${bytes(LEAST_FREE_BYTES)}`)
    : good('data folder', says)
}

async function checkClickHouse(server: Server | null, database: string, now: number): Promise<Finding[]> {
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
      good('stored', `${count(spans)} spans, ${bytes(size)} in ${count(parts)} parts, ${last}`),
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

type Answer = { status: number; body: unknown }
type Verdict = { is: 'ready' } | { is: 'not ready'; why: string } | { is: 'not ours' }

function addressOf(listen: Listen): string | null {
  return listen.port === 0 ? null : listenUrl(listen)
}

/** `server` is null where the port is any free one. */
async function checkAnswer(
  check: string,
  server: string | null,
  path: string,
  judge: (answer: Answer) => Verdict,
): Promise<Finding> {
  if (server === null) return good(check, 'not looked at: it takes any free port, and only `up` says which')
  const url = server + path
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) })
    const body: unknown = await answer.json().catch(() => null)
    return found(check, url, answer.status, judge({ status: answer.status, body }))
  } catch {
    return fault(check, `nothing answers at ${url}`, `start it with '${ourCommand()} up'`)
  }
}

function found(check: string, url: string, status: number, verdict: Verdict): Finding {
  switch (verdict.is) {
    case 'ready':
      return good(check, `answers at ${url}`)
    case 'not ready':
      return fault(
        check,
        `answers at ${url}, not ready: ${verdict.why}`,
        `mend its ClickHouse, or run '${ourCommand()} migrate'; the API then goes on by itself`,
      )
    case 'not ours':
      return fault(
        check,
        `${url} answers ${status}, not as Cyclewatch does`,
        `see what listens there, or set ${check.toLowerCase()}.listen`,
      )
  }
}

/** A GET is refused there with the status that OTLP/HTTP asks for. */
function judgeIngest({ status }: Answer): Verdict {
  return status === 405 ? { is: 'ready' } : { is: 'not ours' }
}

function judgeApi({ status, body }: Answer): Verdict {
  if (healthAnswer.safeParse(body).success) return { is: 'ready' }
  const refusal = errorAnswer.safeParse(body)
  return refusal.success && status === 503 ? { is: 'not ready', why: refusal.data.error.message } : { is: 'not ours' }
}

function bytes(amount: number): string {
  const unit = ['B', 'kB', 'MB', 'GB', 'TB'] as const
  const power = Math.min(unit.length - 1, amount < 1 ? 0 : Math.floor(Math.log10(amount) / 3))
  return `${Number((amount / 1e3 ** power).toPrecision(3))} ${unit[power]}`
}
