// What doctor looks at: each check says what it found, and when that is a fault, what to do.

import { access, constants, statfs } from 'node:fs/promises'
import { listenUrl } from '#model/listen.ts'
import { formatSize } from '#model/sizes.ts'
import { runningEngine } from '#storage/engine/engine.ts'
import { addressOf, checkApi, checkIngest } from './checks/answers.ts'
import { checkClickHouse, checkEnginePackage } from './checks/clickhouse.ts'
import { type Finding, fault, good } from './checks/finding.ts'
import { checkSpool } from './checks/spool.ts'
import { checkTraffic } from './checks/traffic.ts'
import { configuredServer, type LoadedConfig, spoolFolder } from './config.ts'

/** Looks at everything, at the API where `url` says if it does; `now` is epoch milliseconds. Finds, never throws. */
export async function examine(
  { file, config }: LoadedConfig,
  url: string | undefined,
  now: number,
): Promise<Finding[]> {
  const configured = configuredServer(config)
  const { listen, tls, spoolBytes } = config.ingest
  const api = url ?? addressOf(config.api.listen)
  return [
    good('configuration', file ?? 'no cyclewatch.yaml, all defaults'),
    good('Node', process.versions.node),
    ...(configured === null ? [await checkEnginePackage()] : []),
    await checkDisk(config.data),
    ...(await checkClickHouse(configured ?? runningEngine(config.data), config.clickhouse.database, now)),
    ...checkSpool({
      folder: spoolFolder(config),
      limitBytes: spoolBytes,
      endpoint: listenUrl(listen, tls === null ? 'http' : 'https'),
      tokens: config.tokens.length > 0,
      now,
    }),
    await checkIngest(listen, tls, now),
    await checkApi(api),
    ...(await checkTraffic(api, now)),
  ]
}

/** ClickHouse needs room to merge what it has, and the spool for what waits; below this it starts to fail. */
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
  const says = `${data} has ${formatSize(free)} free`
  const todo = `free some space, or set data to a folder with more than ${formatSize(LEAST_FREE_BYTES)}`
  return free < LEAST_FREE_BYTES ? fault('data folder', says, todo) : good('data folder', says)
}
