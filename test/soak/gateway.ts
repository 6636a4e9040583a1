// The gateway as a program of its own, which kills itself at the failpoint it was told. Its one argument is the order as
// JSON; it reports in lines of JSON.

import { Registry } from 'prom-client'
import { startServer } from '#api/server.ts'
import { openGateway } from '#ingest/gateway.ts'
import type { Stage } from '#ingest/spool/stage.ts'
import { INSERT_PATIENCE_MS, openDatabase } from '#storage/client.ts'
import { insertBodies } from '#storage/inserts.ts'
import type { Server } from '#storage/server.ts'

/** `die` at the `after`-th time its stage is reached, counted from 1. */
export type GatewayOrder = {
  server: Server
  database: string
  folder: string
  port: number
  limitBytes: number
  segmentBytes: number
  die: { stage: Parameters<Stage>[0]; after: number } | null
}

/** `spool` comes many times a second, with the bytes that are not stored yet. */
export type GatewayLine =
  | { kind: 'ready' | 'posting' | 'repeated' }
  | { kind: 'spool'; bytes: number }
  | { kind: 'retrying' | 'quarantined' | 'lost' | 'bug'; reason: string }

const LOOK_MS = 50
const MOST_BYTES = 2 ** 26

await run(JSON.parse(process.argv[2] as string))

function say(line: GatewayLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

async function run({ server, database, port, die, ...spool }: GatewayOrder): Promise<void> {
  const registry = new Registry()
  const db = openDatabase(server, database, INSERT_PATIENCE_MS)
  const gateway = await openGateway({
    ...spool,
    ...{ tokens: [], maxBodyBytes: MOST_BYTES, bytesPerSecond: null, registry },
    insert: (of, bodies) => insertBodies(db, of, bodies),
    stage: stageOf(die),
    tell(event) {
      if (event.kind === 'retrying' || event.kind === 'quarantined') say({ kind: event.kind, reason: event.reason })
      else if (event.kind === 'lost') say({ kind: 'lost', reason: `${event.bytes} bytes` })
      else if (event.kind === 'answered' && event.repeated) say({ kind: 'repeated' })
    },
    onError: (error) => say({ kind: 'bug', reason: String((error as Error).stack) }),
  })
  const { fetch, onDrop } = gateway
  const listen = { host: '127.0.0.1', port }
  const listening = await startServer({ listen, option: 'the port', fetch, onDrop })
  say({ kind: 'ready' })
  const look = setInterval(async () => {
    const values = (await registry.getSingleMetric('cyclewatch_spool_bytes')?.get())?.values ?? []
    say({ kind: 'spool', bytes: values.reduce((sum, { value }) => sum + value, 0) })
  }, LOOK_MS)
  process.once('SIGTERM', async () => {
    clearInterval(look)
    await listening.stop()
    await gateway.close()
    await db.close()
  })
}

function stageOf(die: GatewayOrder['die']): Stage {
  let reached = 0
  return (name) => {
    if (die?.stage === name && ++reached >= die.after) process.kill(process.pid, 'SIGKILL')
    if (name === 'posting') say({ kind: 'posting' })
  }
}
